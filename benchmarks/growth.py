"""What a job, a submit, a status and a page of the list cost while 100 to 100,000 jobs wait.

At each depth the queue is held there: as many jobs are made as the worker ends. A job's figure is the time of
processors that worker and Valkey took: its making, claim and end in the store, and its forward pass.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis
from rich.console import Console
from rich.table import Table

from benchmarks.holding import HOLDING, Maker, held
from benchmarks.predict import ROUNDS as REQUESTS
from benchmarks.predict import WARM_UP, LeanClient
from benchmarks.processes import MIB, cpu_s
from benchmarks.stack import running
from benchmarks.stats import machine
from benchmarks.submit_to_start import SPEC_BODY
from client.local import LocalStack

DEPTHS = (100, 1_000, 10_000, 100_000)
WINDOWS = 3
WINDOW_S = 2.0
_LOOK_S = 0.005


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor milliseconds at one depth, and MiB in Valkey."""

    depth: int
    job: float
    submit: float
    status: float
    page: float
    filtered_page: float
    store_mib: float

    def figures(self) -> list[float]:
        """Those in milliseconds."""
        return [self.job, self.submit, self.status, self.page, self.filtered_page]


class Growth:
    """A running system whose worker stands still unless it is measured."""

    def __init__(self, stack: LocalStack, maker: Maker) -> None:
        pids = stack.pids()
        self._worker, self._valkey, self._gateway = pids["cpu"], pids["valkey"], pids["gateway"]
        self._maker = maker
        self._url = stack.url
        self._redis = redis.Redis.from_url(stack.redis_url)

    async def at(self, depth: int) -> Costs:
        """Fill up to ``depth``, then measure."""
        with held(self._worker):
            ids = await self._maker.many(max(depth - await self._maker.waiting(), 1))
            requests = self._requests(ids)
            used = float(self._redis.info("memory")["used_memory"]) / MIB
        jobs = [await self._window(depth) for _ in range(WINDOWS)]
        return Costs(depth, statistics.median(jobs), *requests, used)

    async def _window(self, depth: int) -> float:
        """CPU ms of worker and Valkey, for each job that was made and run."""
        pids = (self._worker, self._valkey)
        begun, made = time.perf_counter(), 0
        before, waited = sum(map(cpu_s, pids)), await self._maker.waiting()
        while time.perf_counter() - begun < WINDOW_S:
            missing = depth - await self._maker.waiting()
            if missing > 0:
                made += len(await self._maker.many(missing))
            await asyncio.sleep(_LOOK_S)
        ran = made + waited - await self._maker.waiting()
        return (sum(map(cpu_s, pids)) - before) * 1000 / max(ran, 1)

    def _requests(self, ids: Sequence[str]) -> tuple[float, float, float, float]:
        """CPU ms of gateway and Valkey: a submit, a status, a page, a page of jobs in a state."""
        # A new connection: the gateway closed the last one when it had been idle for some seconds.
        http, one = LeanClient(self._url), ids[len(ids) // 2]
        return (
            self._cpu_ms(lambda: http.timed("POST", "/api/v1/jobs", SPEC_BODY, "application/json", 202)),
            self._cpu_ms(lambda: http.timed("GET", f"/api/v1/jobs/{one}")),
            self._cpu_ms(lambda: http.timed("GET", "/api/v1/jobs?limit=20")),
            self._cpu_ms(lambda: http.timed("GET", "/api/v1/jobs?limit=20&state=PENDING")),
        )

    def _cpu_ms(self, asks: Callable[[], object]) -> float:
        pids = (self._gateway, self._valkey)
        before = sum(map(cpu_s, pids))
        asks()
        return (sum(map(cpu_s, pids)) - before) * 1000 / (REQUESTS + WARM_UP)


async def measure(stack: LocalStack, depths: Sequence[int]) -> list[Costs]:
    """At these depths, the smallest first."""
    maker = Maker(stack.redis_url)
    try:
        growth = Growth(stack, maker)
        await growth.at(depths[0])  # warms up
        return [await growth.at(depth) for depth in depths]
    finally:
        await maker.close()


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table; the last column's target is 1.10. ``arguments``: other depths."""
    depths = [int(each) for each in arguments] or DEPTHS
    with running(settings=HOLDING) as stack:
        found = asyncio.run(measure(stack, depths))
    table = Table(
        *(
            "jobs that wait",
            "job",
            "submit",
            "status",
            "page of 20",
            "page, PENDING",
            "Valkey MiB",
            "job, of first",
        ),
        title=f"CPU ms as work grows ({machine()})",
        title_justify="left",
    )
    for each in found:
        cells = [f"{value:.3f}" for value in each.figures()]
        table.add_row(f"{each.depth:,}", *cells, f"{each.store_mib:.0f}", f"{each.job / found[0].job:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
