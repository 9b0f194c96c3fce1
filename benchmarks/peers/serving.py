"""One server: started, asked whether it answers as plain PyTorch does, timed, stopped."""

import http.client
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.environments import NotInstalled
from benchmarks.peers.contenders import SERVERS, Contender, Place
from benchmarks.peers.load import Seen, drive
from benchmarks.peers.questions import Answer, hands
from benchmarks.processes import Memory, cpu_s, memory, started
from client.local.layout import free_port

_ROOT = Path(__file__).parents[2]
_START_S = 90.0
_WARM_CONNECTIONS = 16
_SAYS = 500


class Failed(Exception):
    """It can't be timed; the message says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is the same for all. ``right``: the answers to ``hands``."""

    wrk: str
    folder: Path
    weights: Path
    labels: Sequence[str]
    right: Sequence[Answer]
    connections: Sequence[int]
    seconds: int


@dataclass(frozen=True, slots=True)
class Cell:
    """Of one number of connections."""

    seen: Seen
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Served:
    """Of one start. ``memory`` is taken after the last cell."""

    start_s: float
    memory: Memory
    cells: Mapping[int, Cell]


def serve(contender: Contender, asked: Asked) -> Served:
    """Raises Failed."""
    product = contender.product
    folder = Path(tempfile.mkdtemp(dir=asked.folder))
    try:
        place = Place(product.python(), free_port("127.0.0.1"), folder, contender.setting)
    except NotInstalled as error:
        raise Failed(str(error)) from error
    command, log = product.command(place), folder / "log"
    url = f"http://127.0.0.1:{place.port}{product.path}"
    begun = time.perf_counter()
    with started(command, _environ(contender, place, asked), SERVERS if product.pinned else _ROOT, log) as process:
        bodies = [product.question.body(hand) for hand in hands()]
        while post(url, bodies[0]) is None:
            if process.poll() is not None or time.perf_counter() - begun > _START_S:
                raise Failed(f"doesn't start: {_last_line(log)}")
            time.sleep(0.02)
        start_s = time.perf_counter() - begun
        for body, right in zip(bodies, asked.right, strict=True):
            _compare(contender, post(url, body), right)
        posted = folder / "body"
        posted.write_bytes(bodies[0])
        drive(asked.wrk, url, posted, _WARM_CONNECTIONS, 1)
        cells = {count: _cell(process.pid, asked, url, posted, count) for count in asked.connections}
        return Served(start_s, memory(process.pid), cells)


def _environ(contender: Contender, place: Place, asked: Asked) -> dict[str, str]:
    ours = {
        "PEER_WEIGHTS": str(asked.weights),
        "PEER_LABELS": json.dumps(list(asked.labels)),
        "PEER_PORT": str(place.port),
        "PEER_WORKERS": str(contender.setting.workers),
        "PEER_BATCH": str(contender.setting.batch),
        "PYTHONPATH": str(SERVERS),
        "TMPDIR": str(place.folder),
    }
    path = {"PATH": f"{place.python.parent}:{os.environ['PATH']}"}
    return {**(ours if contender.product.pinned else {}), **path, **contender.product.environ(place)}


def post(url: str, body: bytes) -> bytes | None:
    """What was answered with 200; None for anything else, also for nobody there."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("POST", f"{parts.path}?{parts.query}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
    except OSError:
        return None
    finally:
        connection.close()
    return said if answer.status == http.client.OK else None


def _compare(contender: Contender, said: bytes | None, right: Answer) -> None:
    try:
        answer = contender.product.question.answer(said or b"")
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Failed(f"answers {said!r:.{_SAYS}}") from error
    if not answer.same_as(right):
        raise Failed(f"answers {answer}, PyTorch {right}: not timed")


def _cell(pid: int, asked: Asked, url: str, body: Path, connections: int) -> Cell:
    before = cpu_s(pid)
    seen = drive(asked.wrk, url, body, connections, asked.seconds)
    return Cell(seen, (cpu_s(pid) - before) * 1000 / max(seen.requests, 1))


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    return lines[-1][-_SAYS:] if lines else "it says nothing"
