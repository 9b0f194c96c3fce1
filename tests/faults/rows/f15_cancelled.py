"""Jobs are cancelled while they wait, then every worker is replaced."""

import asyncio

from tests.faults.field import until
from tests.faults.row import Row, Spec

_SLOTS = 4


async def run(row: Row) -> None:
    jobs, long_ms = row.field.scale.pick(20, 100), row.field.scale.pick(4_000, 1_500)
    await row.field.crew("cpu", slots=_SLOTS)
    row.injected = (
        "cancel in the queue (half of them with no worker alive), then kill -9 of all workers and new ones"
    )
    row.load = f"{jobs} jobs behind {_SLOTS} long ones"
    blockers = await row.caller.many(_SLOTS, lambda _: row.caller.submit(sleep_ms=long_ms, fields={"priority": 9}))
    await until(lambda: row.tally.executions >= _SLOTS, 60, "the lane is full")
    queued = await row.caller.many(jobs, lambda _: row.caller.submit(sleep_ms=1))
    early, late = queued[: jobs // 2], queued[jobs // 2 :]
    told = await asyncio.gather(*(row.caller.cancel(job) for job in early))
    await row.field.dismiss()
    told += await asyncio.gather(*(row.caller.cancel(job) for job in late))
    row.check(set(told) == {200}, f"cancel answered {sorted(set(told))}")
    await row.field.crew("cpu", "cpu", slots=_SLOTS)
    # Behind everything that waits: when they are done, whatever was to run has run.
    await row.caller.many(_SLOTS, lambda _: row.caller.submit(sleep_ms=1, fields={"priority": 0}))
    await row.caller.drain(2 * row.field.scale.lease_s + 60)
    tally = row.kept()
    row.none(set(queued) & set(tally.starts), "cancelled jobs that ran")
    row.none(set(queued) - tally.in_state("CANCELLED"), "not CANCELLED")
    row.none(set(blockers) - tally.in_state("COMPLETED"), "other jobs not done")


SPEC = Spec("F15", "none of them ever runs; each is CANCELLED at once", run)
