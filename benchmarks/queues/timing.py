"""One queue in one round: a fresh Valkey, its worker, its submitter, one job at a time and then many."""

import json
import os
import select
import struct
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.processes import cpu_s, started
from benchmarks.queues.contenders import APPS, Queue
from client.local.embedded import EmbeddedValkey

_ROOT = Path(__file__).parents[2]
_READY_S = 60.0
_STUCK_S = 30.0
_TRIAL = 100
_MOST = 20_000
_STAMP = struct.calcsize("d")


class Failed(Exception):
    """It can't be timed; the message says why."""


@dataclass(frozen=True, slots=True)
class Many:
    """Jobs handed in at once. Milliseconds of processor time are a job's."""

    jobs: int
    submits_per_s: float
    jobs_per_s: float
    submitter_ms: float
    worker_ms: float
    server_ms: float


@dataclass(frozen=True, slots=True)
class Timed:
    """``waits``: ms from submit to start, one job at a time."""

    waits: list[float]
    many: Many


def time_queue(queue: Queue, folder: Path, ones: int, seconds: float) -> Timed:
    """Raises NotInstalled, Failed."""
    python, fifo = queue.python(), folder / "stamps"
    os.mkfifo(fifo)
    stamps = Stamps(fifo)
    with EmbeddedValkey(folder / "valkey") as valkey:
        environ = {
            "QUEUE_URL": valkey.url,
            "QUEUE_STAMPS": str(fifo),
            "QUEUE_SETTING": queue.setting,
            "PYTHONPATH": f"{APPS}:{_ROOT}" if not queue.pinned else str(APPS),
            "FRAMELANE_WORKER__DATA_DIR": str(folder / "worker"),
            "FRAMELANE_ARTIFACTS__DIRECTORY": str(folder / "artifacts"),
            "REDIS_URL": valkey.url,
        }
        command = [*queue.worker(python), *([valkey.url] if queue.product == "rq" else [])]
        with (
            started(command, environ, APPS, folder / "worker.log") as worker,
            _submitter(queue, python, environ, folder / "submitter.log") as submitter,
        ):
            assert valkey.pid is not None
            return _time(submitter, stamps, (worker.pid, valkey.pid), ones, seconds)


class Stamps:
    """When jobs began, as they wrote it into the pipe."""

    def __init__(self, fifo: Path) -> None:
        # For writing too: else the pipe ends whenever the last job that wrote into it does.
        self._pipe = os.open(fifo, os.O_RDWR)

    def take(self, count: int, within_s: float) -> list[float]:
        """The next ``count``. Raises Failed when none comes for so long."""
        found: list[float] = []
        while len(found) < count:
            if not select.select([self._pipe], [], [], within_s)[0]:
                raise Failed(f"{count - len(found)} of {count} jobs didn't start")
            read = os.read(self._pipe, min(count - len(found), 4096) * _STAMP)
            found += [value for (value,) in struct.iter_unpack("d", read)]
        return found


class Submitter:
    """The process that hands in jobs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asks: IO[str] = process.stdin
        self._says: IO[str] = process.stdout
        self._line()

    def begin(self, count: int) -> None:
        """Ask for jobs."""
        self._asks.write(f"{count}\n")
        self._asks.flush()

    def done(self) -> dict[str, float]:
        """When it began and ended, and the processor seconds of its process."""
        return json.loads(self._line())

    def _line(self) -> str:
        if line := self._says.readline():
            return line
        raise Failed("its submitter ended")


@contextmanager
def _submitter(queue: Queue, python: Path, environ: dict[str, str], log: Path) -> Generator[Submitter]:
    with log.open("wb") as said:
        process = subprocess.Popen(
            queue.submitter(python),
            env={**os.environ, **environ},
            cwd=APPS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    try:
        yield Submitter(process)
    finally:
        process.terminate()
        process.communicate()


def _time(submitter: Submitter, stamps: Stamps, pids: tuple[int, int], ones: int, seconds: float) -> Timed:
    submitter.begin(1)
    stamps.take(1, _READY_S)
    submitter.done()
    rate = _many(submitter, stamps, pids, _TRIAL).jobs_per_s
    waits: list[float] = []
    for _ in range(ones):
        submitter.begin(1)
        (start,) = stamps.take(1, _STUCK_S)
        waits.append((start - submitter.done()["begun"]) * 1000)
        time.sleep(0.002)  # whoever is still busy with the last one isn't idle
    return Timed(waits, _many(submitter, stamps, pids, max(_TRIAL, min(_MOST, int(rate * seconds)))))


def _many(submitter: Submitter, stamps: Stamps, pids: tuple[int, int], count: int) -> Many:
    before = [cpu_s(pid) for pid in pids]
    submitter.begin(count)
    last = max(stamps.take(count, _STUCK_S))
    said = submitter.done()
    worker, server = (cpu_s(pid) - was for pid, was in zip(pids, before, strict=True))
    return Many(
        count,
        count / (said["ended"] - said["begun"]),
        count / (last - said["begun"]),
        *(seconds * 1000 / count for seconds in (said["cpu_s"], worker, server)),
    )
