"""What a job, a page of the list and a status cost while 100, 10,000 and 100,000 jobs wait.

A system for each depth, all at once and in turns, so that what else the machine does hits them alike. In its turn
a system gets some jobs while its worker stands still; then that runs until as many wait as before, so that it has
always enough to do: with a queue that runs dry now and then it would share the processor with fewer, and take
less of it for the same work. A job's figure is the time of processors that its making, claim and end took in
Valkey, and its run in the worker. Valkey rewrites its log when that has doubled, which may or not fall into a
turn: here it does so when it is told, and a job is charged with the share of its bytes, apart.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import redis
from rich.console import Console
from rich.table import Table

from benchmarks.holding import HOLDING, Maker, held, moving
from benchmarks.predict import ROUNDS as REQUESTS
from benchmarks.predict import WARM_UP, LeanClient
from benchmarks.processes import MIB, cpu_s
from benchmarks.stack import running
from benchmarks.stats import description
from benchmarks.submit_to_start import SPEC_BODY
from client.local import LocalStack
from client.sdk import Framelane

DEPTHS = (100, 10_000, 100_000)
ROUNDS = 15
TURN = 1_280
TARGET = 1.10
_LOOK_S = 0.005
_LANE = "cpu"
_JOBS = "/api/v1/jobs"
_PAGE = f"{_JOBS}?limit=20"
ASKED: Mapping[str, str] = {
    "GET /jobs/{id}": _JOBS + "/{id}",
    "GET /status": "/api/v1/status",
    "GET /jobs?limit=20": _PAGE,
    "… &state=PENDING": f"{_PAGE}&state=PENDING",
    "… &state=COMPLETED": f"{_PAGE}&state=COMPLETED",
    "… &state=FAILED: none": f"{_PAGE}&state=FAILED",
    "… &kind=inference": f"{_PAGE}&kind=inference",
    "… &label=no:such: none": f"{_PAGE}&label=no:such",
    "GET /dead": "/api/v1/dead?limit=20",
    "GET /benchmarks": "/api/v1/benchmarks?limit=20",
}
Asked = dict[str, tuple[float, float]]
"""CPU ms of gateway and Valkey, and p50 ms, by what was asked."""


@dataclass(frozen=True, slots=True)
class JobCost:
    """Processor milliseconds of one job. ``log``: its share of rewriting Valkey's log."""

    worker: float
    valkey: float
    log: float

    @property
    def run(self) -> float:
        """Without the log."""
        return self.worker + self.valkey


class Log:
    """Valkey's log, which is rewritten when we say so and at no other time."""

    def __init__(self, client: redis.Redis, pid: int) -> None:
        self._client, self._pid = client, pid
        self._smallest = self._configured("auto-aof-rewrite-min-size")
        self._percent = self._configured("auto-aof-rewrite-percentage")
        client.config_set("auto-aof-rewrite-percentage", 0)

    def _configured(self, name: str) -> int:
        return int(self._client.config_get(name)[name] or 0)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._said()["aof_current_size"]

    def rewrite_ms_per_byte(self) -> float:
        """CPU ms of rewriting it now, for each byte that is written until that has to be done again."""
        self._wait()
        before = cpu_s(self._pid)
        self._client.bgrewriteaof()
        self._wait()
        base = self._said()["aof_base_size"]
        until = max(base * (1 + self._percent / 100), self._smallest)
        return (cpu_s(self._pid) - before) * 1000 / (until - base)

    def _wait(self) -> None:
        while (said := self._said())["aof_rewrite_in_progress"] or said["aof_rewrite_scheduled"]:
            time.sleep(_LOOK_S)

    def _said(self) -> dict[str, Any]:
        return self._client.info("persistence")


class System:
    """A running system with so many jobs that wait. Its worker is held unless ``run`` is on.

    After ``fill``: ``one`` of its jobs, and ``kib`` that each takes in Valkey.
    """

    def __init__(self, stack: LocalStack, depth: int) -> None:
        with Framelane(stack.url) as client:
            for job in client.jobs():  # those that installed the models
                client.delete(job.id)
        pids = stack.pids()
        self.worker, self._valkey, self._gateway = pids[_LANE], pids["valkey"], pids["gateway"]
        self.depth = depth
        self.jobs: list[JobCost] = []
        self.one, self.kib = "", 0.0
        self.maker = Maker(stack.redis_url)
        self._url = stack.url
        self._redis = redis.Redis.from_url(stack.redis_url)
        self._log = Log(self._redis, self._valkey)
        self._rewriting = 0.0

    async def fill(self) -> None:
        """Up to the depth."""
        before = self._used()
        ids = await self.maker.many(self.depth)
        self.one, self.kib = ids[len(ids) // 2], (self._used() - before) / 1024 / len(ids)
        self._rewriting = self._log.rewrite_ms_per_byte()

    async def run(self) -> None:
        """As many jobs as a turn has: made, then run. Their cost goes into ``jobs``."""
        before, waited = self._taken(), await self.maker.waiting()
        made = len(await self.maker.many(max(self.depth + TURN - waited, 1)))
        with moving(self.worker):
            while await self.maker.waiting() > self.depth:  # noqa: ASYNC110  another process's queue
                await asyncio.sleep(_LOOK_S)
        ran = made + waited - await self.maker.waiting()
        worker, valkey, written = (now - then for now, then in zip(self._taken(), before, strict=True))
        self.jobs.append(JobCost(worker * 1000 / ran, valkey * 1000 / ran, written * self._rewriting / ran))

    def ask(self, *asked: Any) -> tuple[float, float]:
        """CPU ms of gateway and Valkey, and p50 ms."""
        # A new connection each time: the gateway closes those that are idle for some seconds.
        http, pids = LeanClient(self._url), (self._gateway, self._valkey)
        before = sum(map(cpu_s, pids))
        took = http.timed(*asked)
        return (sum(map(cpu_s, pids)) - before) * 1000 / (REQUESTS + WARM_UP), statistics.median(took)

    @property
    def store_mib(self) -> float:
        """All that Valkey keeps, with jobs that ended."""
        return self._used() / MIB

    def typical(self, what: Callable[[JobCost], float]) -> float:
        """The median of the rounds."""
        return statistics.median(map(what, self.jobs))

    def _used(self) -> float:
        return float(self._redis.info("memory")["used_memory"])

    def _taken(self) -> tuple[float, float, float]:
        """CPU seconds of worker and Valkey, and the length of the log."""
        return cpu_s(self.worker), cpu_s(self._valkey), self._log.size


async def measure(systems: Sequence[System]) -> list[Asked]:
    """Fill them, ask them, and let them run, in turns; what was asked of each."""
    for system in systems:
        await system.fill()
        await system.run()  # warms up
        system.jobs.clear()
    asked: list[Asked] = [{} for _ in systems]
    for system, answers in zip(systems, asked, strict=True):
        answers["POST /jobs"] = system.ask("POST", _JOBS, SPEC_BODY, "application/json", 202)
    for name, path in ASKED.items():
        for system, answers in zip(systems, asked, strict=True):
            answers[name] = system.ask("GET", path.format(id=system.one))
    for _ in range(ROUNDS):
        for system in systems:
            await system.run()
    for system in systems:
        await system.maker.close()
    return asked


def _of_first(systems: Sequence[System], what: Callable[[JobCost], float]) -> list[str]:
    """The median over the rounds of what each has by what the first has in the same round."""
    first = [what(job) for job in systems[0].jobs]
    return [
        f"{statistics.median(what(job) / one for job, one in zip(each.jobs, first, strict=True)):.2f}"
        for each in systems
    ]


def _jobs_table(systems: Sequence[System]) -> Table:
    names = (
        "jobs that wait",
        "worker",
        "Valkey",
        "together",
        f"of first (≤ {TARGET:.2f})",
        "its log",
        "KiB a job",
    )
    title = f"CPU ms of a job ({description()})"
    table = Table(*names, "Valkey MiB", title=title, title_justify="left")
    for each, ratio in zip(systems, _of_first(systems, lambda job: job.run), strict=True):
        worker, valkey = each.typical(lambda job: job.worker), each.typical(lambda job: job.valkey)
        cells = (f"{worker:.3f}", f"{valkey:.3f}", f"{each.typical(lambda job: job.run):.3f}", ratio)
        log = f"{each.typical(lambda job: job.log):.3f}"
        table.add_row(f"{each.depth:,}", *cells, log, f"{each.kib:.1f}", f"{each.store_mib:.0f}")
    return table


def _asked_table(systems: Sequence[System], asked: Sequence[Asked]) -> Table:
    title = "CPU ms of gateway and Valkey, and p50 ms in brackets, while so many jobs wait"
    depths = [f"{each.depth:,}" for each in systems]
    table = Table("what", *depths, "CPU, of first", title=title, title_justify="left")
    for name, (first, _) in asked[0].items():
        costs = [answers[name] for answers in asked]
        cells = [f"{cpu:.2f} ({p50:.2f})" for cpu, p50 in costs]
        table.add_row(name, *cells, f"{costs[-1][0] / max(first, 0.001):.2f}")
    return table


def main(arguments: Sequence[str] = ()) -> None:
    """Print the tables. ``arguments``: other depths."""
    depths = [int(each) for each in arguments] or DEPTHS
    with ExitStack() as systems:
        stacks = [systems.enter_context(running((_LANE,), HOLDING)) for _ in depths]
        found = [System(stack, depth) for stack, depth in zip(stacks, depths, strict=True)]
        for each in found:
            systems.enter_context(held(each.worker))
        asked = asyncio.run(measure(found))
        tables = (_jobs_table(found), _asked_table(found, asked))
    for table in tables:
        Console(width=130).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
