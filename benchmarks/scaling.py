"""More gateway processes, more workers: requests a second, what they cost by process, and who did how much.

wrk asks for gestures over 64 connections. Beside each layout stands what the model of docs/reference/scaling.md
makes of the costs of the first one. One machine has few cores; the model is for more of them.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.environments import program
from benchmarks.peers.load import Seen, drive
from benchmarks.processes import cpu_s, started
from benchmarks.scaling_model import Costs, Layout, most
from benchmarks.stack import data_dir
from benchmarks.stats import machine
from benchmarks.submit_to_start import LANDMARKS
from client.local import LocalStack

PATH = "/api/v1/gestures/asl/predict"
LAYOUTS = (Layout(1, 1), Layout(1, 2), Layout(2, 1), Layout(2, 2))
_READY_S = 60.0
_SAMPLE = 1_000
"""Newest jobs that are looked at for who ran them."""
_BEYOND = ((Layout(1, 1), 8), (Layout(2, 1), 8), (Layout(4, 1), 8), (Layout(4, 2), 8), (Layout(8, 2), 16))


@dataclass(frozen=True, slots=True)
class Round:
    """``gateways`` and ``workers``: what each of them did, as a share."""

    seen: Seen
    costs: Costs
    gateways: list[float]
    workers: list[float]


class System:
    """A running layout."""

    def __init__(self, stack: LocalStack, workers: Sequence[int]) -> None:
        self.url = stack.url
        self._gateway = stack.pids()["gateway"]
        self._valkey = stack.pids()["valkey"]
        self._workers = [stack.pids()["cpu"], *workers]

    def members(self) -> list[int]:
        """Processes that serve: children of one that watches them, or the only one."""
        children = [each.pid for each in psutil.Process(self._gateway).children()]
        return children or [self._gateway]

    def round(self, wrk: str, body: Path, connections: int, seconds: int) -> Round:
        """Measure for so long."""
        pids = [*self.members(), *self._workers, self._valkey]
        before = {pid: cpu_s(pid) for pid in pids}
        seen = drive(wrk, self.url + PATH, body, connections, seconds)
        took = {pid: (cpu_s(pid) - before[pid]) * 1_000 / max(1, seen.requests) for pid in pids}
        gateways = [took[pid] for pid in self.members()]
        costs = Costs(
            sum(gateways),
            sum(took[pid] for pid in self._workers),
            took[self._valkey],
            seen.own_cpu / seen.per_second * 1_000,
        )
        return Round(seen, costs, _shares(gateways), _shares(self._ran()))

    def _ran(self) -> list[float]:
        """How many of the newest jobs each worker ran."""
        ran: Counter[str] = Counter()
        cursor = ""
        while ran.total() < _SAMPLE:
            page = httpx2.get(f"{self.url}/api/v1/jobs?limit=200&state=COMPLETED{cursor}").json()
            ran.update(job["attempts"][-1]["worker"] for job in page["jobs"] if job["attempts"])
            if not page["next_cursor"]:
                break
            cursor = f"&cursor={page['next_cursor']}"
        return [float(count) for count in ran.values()]


def _shares(values: Sequence[float]) -> list[float]:
    return sorted((value / sum(values) for value in values), reverse=True)


@contextmanager
def running(layout: Layout) -> Generator[System]:
    """The layout, ready."""
    with (
        data_dir() as folder,
        LocalStack(folder, lanes=("cpu", "io"), gateway_workers=layout.gateways) as stack,
        ExitStack() as ending,
    ):
        environ = {
            "REDIS_URL": stack.redis_url,
            "FRAMELANE_ARTIFACTS__DIRECTORY": str(folder / "artifacts"),
            "FRAMELANE_WORKER__DATA_DIR": str(folder / "worker"),
        }
        command = [sys.executable, "-m", "workers.main", "--device", "CPU", "--class", "fast"]
        more = [
            ending.enter_context(started(command, environ, Path.cwd(), folder / f"worker-{number}.log")).pid
            for number in range(1, layout.workers)
        ]
        _await_workers(stack.url, layout.workers)
        yield System(stack, more)


def _await_workers(url: str, count: int) -> None:
    give_up_at = time.monotonic() + _READY_S
    while True:
        workers = httpx2.get(f"{url}/api/v1/workers").json()["workers"]
        if sum(worker["lane"] == "cpu" for worker in workers) >= count:
            return
        if time.monotonic() > give_up_at:
            raise SystemExit("not all workers are ready")
        time.sleep(0.2)


def middle(rounds: Sequence[Round]) -> Round:
    """The round whose rate is the median."""
    rate = statistics.median_low([each.seen.per_second for each in rounds])
    return next(each for each in rounds if each.seen.per_second == rate)


def main(arguments: Sequence[str] | None = ()) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layouts", type=int, default=len(LAYOUTS), help="only the first so many")
    given = parser.parse_args(arguments)
    wrk, cores = program("wrk"), len(os.sched_getaffinity(0))
    found: list[tuple[Layout, Round]] = []
    with tempfile.TemporaryDirectory() as name:
        body = Path(name) / "body"
        body.write_text(json.dumps({"landmarks": LANDMARKS}), "utf-8")
        for layout in LAYOUTS[: given.layouts]:
            with running(layout) as system:
                system.round(wrk, body, given.connections, 2)  # warms up
                rounds = [system.round(wrk, body, given.connections, given.seconds) for _ in range(given.rounds)]
            found.append((layout, middle(rounds)))
    _print_measured(found, cores)
    _print_beyond(found[0][1].costs)


def _print_measured(found: Sequence[tuple[Layout, Round]], cores: int) -> None:
    table = Table(title=f"Gestures with more processes ({machine()})", title_justify="left")
    for column in (
        "gateways x workers",
        "requests/s",
        "model",
        "p99 ms",
        "CPU ms: gateway",
        "worker",
        "Valkey",
        "wrk",
    ):
        table.add_column(column, justify="right")
    for column in ("gateways' shares", "workers' shares"):
        table.add_column(column)
    for layout, each in found:
        costs = each.costs
        limit, part = most(layout, found[0][1].costs, cores)
        table.add_row(
            f"{layout.gateways} x {layout.workers}",
            f"{each.seen.per_second:,.0f}",
            f"{limit:,.0f} ({part})",
            f"{each.seen.p99_ms:.0f}",
            *(f"{cost:.2f}" for cost in (costs.gateway, costs.worker, costs.valkey, costs.others)),
            *(" ".join(f"{share:.0%}" for share in shares) for shares in (each.gateways, each.workers)),
        )
    Console(width=140).print(table)


def _print_beyond(costs: Costs) -> None:
    table = Table(
        "gateways x workers", "cores", "requests/s", "limited by", title="The model beyond, callers elsewhere"
    )
    alone = Costs(costs.gateway, costs.worker, costs.valkey)
    for layout, cores in _BEYOND:
        limit, part = most(layout, alone, cores)
        table.add_row(f"{layout.gateways} x {layout.workers}", str(cores), f"{limit:,.0f}", part)
    Console(width=100).print(table)


if __name__ == "__main__":
    main(None)
