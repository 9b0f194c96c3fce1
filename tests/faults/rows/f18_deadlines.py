"""Deadlines pass: in the queue, and at work (well-behaved work, and work that hears nothing)."""

import time
from typing import Any

from tests.faults.field import until
from tests.faults.row import Row, Spec

_EXACT_S = 5.0
_SLOTS = 4


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    waiting, running, stuck = pick(8, 50), pick(6, 40), pick(2, 10)
    await row.field.crew("cpu", slots=_SLOTS)
    row.injected = "expires_s 1 s in a full lane; timeout_s 1 s at work, some of it stuck in native code"
    row.load = f"{waiting} waiting, {running} running, {stuck} stuck"
    long = await row.caller.many(_SLOTS, lambda _: row.caller.submit(sleep_ms=600_000, fields={"priority": 9}))
    await until(lambda: row.tally.executions >= _SLOTS, 60, "the lane is full")
    expired = await row.caller.many(waiting, lambda _: _ends_by(row, {}, {"expires_s": 1}), at_once=200)
    await row.caller.many(_SLOTS, lambda number: row.caller.cancel(long[number]))
    await row.caller.drain(60)
    at_work = await row.caller.many(
        running, lambda _: _ends_by(row, {"sleep_ms": 600_000}, {"timeout_s": 1}), at_once=_SLOTS
    )
    hung = await row.caller.many(
        stuck, lambda _: _ends_by(row, {"body": "native_hang"}, {"timeout_s": 1}), at_once=1
    )
    await row.caller.drain(60)
    _judge(row, [job for job, _ in expired], [job for job, _ in at_work + hung])
    for name, found in (("expired", expired), ("timeout", at_work), ("timeout of stuck work", hung)):
        worst = max(late for _, late in found)
        row.figure(f"{name} at most {worst:.1f} s late")
        row.check(worst <= row.field.scale.at_most(_EXACT_S), f"{name} {worst:.1f} s late")


async def _ends_by(row: Row, labels: dict[str, Any], fields: dict[str, Any]) -> tuple[str, float]:
    """The job, and how many seconds after its deadline of one second its client learnt of the end."""
    job = await row.caller.submit(**labels, fields=fields)
    begun = time.time()
    if "timeout_s" in fields:
        await until(lambda: job in row.tally.starts, 60, "it starts", every_s=0.1)
        begun = row.tally.starts[job][-1]["at"]
    await row.caller.end_of(job, 60)
    return job, time.time() - begun - 1


def _judge(row: Row, expired: list[str], timed_out: list[str]) -> None:
    tally = row.kept()
    row.none(set(expired) & set(tally.starts), "expired jobs that ran")
    row.none(set(expired) - tally.in_state("FAILED", "expired"), "not `expired`")
    row.none(set(timed_out) - tally.in_state("FAILED", "timeout"), "not `timeout`")


SPEC = Spec("F18", "expired ones never start; both told <= 5 s after the deadline", run)
