"""What one synchronous gesture answer costs: processor time by process, and of the gateway by part.

wrk posts one hand's landmarks over ``--connections`` kept connections to a gateway of its own beside the system's.
First the gateway runs as always, for the figures by process; then it notes what it is at, for the shares by part.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks.environments import program
from benchmarks.peers.load import Seen, drive
from benchmarks.processes import cpu_s, started
from benchmarks.stack import running
from benchmarks.stats import description, print_figures
from benchmarks.submit_to_start import LANDMARKS
from client.local import LocalStack
from client.local.layout import free_port

PATH = "/api/v1/gestures/asl/predict"
PARTS = ("gateway", "cpu", "valkey")
_READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Round:
    """CPU milliseconds a request by process."""

    seen: Seen
    cpu_ms: dict[str, float]


def measured(stack: LocalStack, wrk: str, body: Path, connections: int, seconds: int) -> Round:
    """One round against the system's own gateway."""
    pids = {name: stack.pids()[name] for name in PARTS}
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    seen = drive(wrk, stack.url + PATH, body, connections, seconds)
    took = {name: (cpu_s(pid) - before[name]) * 1000 / max(seen.requests, 1) for name, pid in pids.items()}
    return Round(seen, took)


@contextmanager
def sampled_gateway(stack: LocalStack, folder: Path) -> Generator[tuple[str, int, Path]]:
    """Another gateway of the same system: its URL, its process and where it writes what it noted."""
    samples, port = folder / "samples.json", free_port("127.0.0.1")
    environ = {
        "REDIS_URL": stack.redis_url,
        "FRAMELANE_ARTIFACTS__DIRECTORY": str(stack.data_dir / "artifacts"),
        "FRAMELANE_SAMPLES": str(samples),
    }
    command = [sys.executable, "-m", "benchmarks.sampled_gateway", "--port", str(port)]
    with started(command, environ, Path.cwd(), folder / "gateway.log") as process:
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _answers(url))
        yield url, process.pid, samples


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready").is_success
    except httpx2.HTTPError:
        return False


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_S
    while not true():
        if time.monotonic() > deadline:
            msg = f"not within {_READY_S:.0f} s"
            raise SystemExit(msg)
        time.sleep(0.1)


def shares(url: str, pid: int, samples: Path, load: "Load") -> tuple[Seen, float, Counter[str], Counter[str]]:
    """The round, its CPU seconds, and samples by part and by line."""
    load(url)
    os.kill(pid, signal.SIGUSR1)
    seen = load(url)
    os.kill(pid, signal.SIGUSR2)
    _until(lambda: _answers(url) and samples.exists())  # a signal is looked at when there is something to do
    told = json.loads(samples.read_text("utf-8"))
    by_part: Counter[str] = Counter()
    by_line: Counter[str] = Counter()
    for part, where, count in told["noted"]:
        by_part[part] += count
        by_line[f"{part}: {where}"] += count
    return seen, told["cpu_s"], by_part, by_line


class Load:
    """One kind of load."""

    def __init__(self, wrk: str, body: Path, connections: int, seconds: int) -> None:
        self._given = (wrk, body, connections, seconds)

    def __call__(self, url: str) -> Seen:
        wrk, body, connections, seconds = self._given
        return drive(wrk, url + PATH, body, connections, seconds)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=0, help="print so many of the dearest lines too")
    given = parser.parse_args()
    wrk = program("wrk")
    with tempfile.TemporaryDirectory() as name, running() as stack:
        body = Path(name) / "body"
        body.write_text(json.dumps({"landmarks": LANDMARKS}), "utf-8")
        measured(stack, wrk, body, given.connections, 1)  # warms up
        rounds = [measured(stack, wrk, body, given.connections, given.seconds) for _ in range(given.rounds)]
        _print_processes(rounds, given.connections)
        lonely = [measured(stack, wrk, body, 1, 1) for _ in range(given.rounds)]
        _print_processes(lonely, 1)
        load = Load(wrk, body, given.connections, given.seconds)
        with sampled_gateway(stack, Path(name)) as (url, pid, samples):
            _print_parts(*shares(url, pid, samples, load), given.lines)


def _print_processes(rounds: list[Round], connections: int) -> None:
    def median(values: list[float]) -> str:
        return f"{statistics.median(values):.2f}"

    rows = [
        ("requests/s", median([each.seen.per_second for each in rounds]), ""),
        ("p50 ms", median([each.seen.p50_ms for each in rounds]), ""),
        ("p99 ms", median([each.seen.p99_ms for each in rounds]), ""),
        ("wrong answers", str(sum(each.seen.wrong for each in rounds)), "0"),
        *((f"CPU ms a request, {part}", median([each.cpu_ms[part] for each in rounds]), "") for part in PARTS),
    ]
    print_figures(f"Gesture from landmarks, {connections} connections ({description()})", rows)


def _print_parts(seen: Seen, cpu_s_: float, by_part: Counter[str], by_line: Counter[str], lines: int) -> None:
    total, whole_ms = by_part.total() or 1, cpu_s_ * 1000 / max(seen.requests, 1)
    rows = [(part, f"{whole_ms * count / total:.3f}", "") for part, count in by_part.most_common()]
    print_figures(
        "CPU ms of the gateway a request, by part", [*rows, ("all, while it notes", f"{whole_ms:.3f}", "")]
    )
    for where, count in by_line.most_common(lines):
        print(f"{whole_ms * count / total * 1000:7.1f} us  {where}")


if __name__ == "__main__":
    main()
