"""Running work is cancelled: stuck in native code, in a process group of its own, or both."""

import time

from tests.faults.field import until
from tests.faults.members import lives
from tests.faults.row import Row, Spec, percentile

_BODIES = ("native_hang", "spawn", "native_spawn")
_GONE_S = 5.0


async def run(row: Row) -> None:
    jobs = row.field.scale.pick(6, 20)
    await row.field.crew("cpu", "cpu", slots=1)
    row.injected, row.load = "cancel at work", f"{jobs} jobs: {', '.join(_BODIES)}"
    took = await row.caller.many(jobs, lambda number: _cancelled(row, _BODIES[number % 3]), at_once=2)
    free = await row.caller.many(4, lambda _: row.caller.submit(sleep_ms=1))
    await row.caller.drain(60)
    tally = row.kept()
    row.none(tally.accepted - set(free) - tally.in_state("CANCELLED"), "not CANCELLED")
    row.none(set(free) - tally.in_state("COMPLETED"), "later jobs not done")
    for name, seconds in (("told", [told for told, _ in took]), ("gone", [gone for _, gone in took])):
        row.figure(f"{name} after p50 {percentile(seconds, 0.5):.1f} s, at most {max(seconds):.1f} s")
        row.check(max(seconds) <= row.field.scale.at_most(_GONE_S), f"{name} after {max(seconds):.1f} s")


async def _cancelled(row: Row, body: str) -> tuple[float, float]:
    """Seconds from the cancel until its client sees the end, and until no process of the work is left."""
    job = await row.caller.submit(body=body)
    await until(lambda: len(_pids(row, job, body)) >= _PROCESSES[body], 60, f"{body} runs")
    pids = _pids(row, job, body)
    begun = time.monotonic()
    await row.caller.cancel(job)
    await row.caller.end_of(job, 60)
    told = time.monotonic() - begun
    await until(lambda: not any(lives(pid) for pid in pids), 60, f"{body} is gone", every_s=0.01)
    return told, time.monotonic() - begun


_PROCESSES = {"native_hang": 1, "spawn": 2, "native_spawn": 3}


def _pids(row: Row, job: str, body: str) -> set[int]:
    """The processes that have to go: children, and a worker process that is stuck itself."""
    kinds = ("child",) if body == "spawn" else ("start", "child")
    return {line["pid"] for line in row.field.ledger.lines(row.name, *kinds) if line["job"] == job}


SPEC = Spec("F16", "its processes are gone <= 5 s later, CANCELLED; the device is free", run)
