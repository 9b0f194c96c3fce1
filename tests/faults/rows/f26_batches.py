"""Workers die, leave and meet poison while they run batches: each job of a batch is still one job."""

import asyncio
import json
from typing import Any

from tests.faults.field import TOGETHER, until
from tests.faults.members import Member
from tests.faults.row import Row, Spec

_SLEEP_MS = 50
_CROWD = 40
_ATTEMPTS = {"max_attempts": 10}
_LIMIT_S = 90.0


async def run(row: Row) -> None:
    jobs, kills = row.field.scale.pick(70, 200), row.field.scale.pick(2, 8)
    await row.field.crew("cpu", "cpu", slots=1)
    row.injected = f"in the middle of batches: {kills} x kill -9, a worker that leaves, one native death, cancels"
    row.load = f"{kills} x {jobs} + 2 x {_CROWD} jobs of {_SLEEP_MS} ms, at once"
    largest = await _killed(row, jobs, kills)
    largest = max(largest, await _left(row))
    poison = await _poisoned(row)
    tally = row.kept()
    row.none(
        set(tally.accepted) - tally.in_state("COMPLETED") - tally.in_state("CANCELLED") - {poison}, "not done"
    )
    row.check(poison in tally.in_state("FAILED", "poison"), "the poison isn't `poison`")
    row.none(tally.in_state("FAILED") - {poison}, "failed beside the poison")
    row.figure(f"the largest batch had {largest} jobs")
    row.check(largest > 1, "there was no batch")


async def _killed(row: Row, jobs: int, kills: int) -> int:
    """A worker dies in the middle of each of so many crowds; jobs of the largest batch."""
    largest = 0
    for _ in range(kills):
        loading = asyncio.create_task(row.caller.many(jobs, lambda _: _submit(row)))
        victim = await _busy(row)
        await asyncio.to_thread(victim.kill_tree)
        row.field.workers.remove(victim)
        for job in (await loading)[::10]:
            await row.caller.cancel(job)
        largest = max(largest, _largest(victim), *map(_largest, row.field.workers))
        await row.field.until_works(row.field.spawn_worker("cpu", slots=1))
    row.check(await row.caller.drain(_LIMIT_S), f"not drained within {_LIMIT_S:g} s")
    extra = row.tally.extra
    row.figure(f"{extra} extra executions after {kills} kills")
    row.check(extra <= kills * TOGETHER, f"{extra} extra executions after {kills} kills")
    return largest


async def _submit(row: Row) -> str:
    return await row.caller.submit(sleep_ms=_SLEEP_MS, fields=_ATTEMPTS)


async def _left(row: Row) -> int:
    """A worker that leaves hands what it hasn't done to the other; jobs of the largest batch."""
    loading = asyncio.create_task(row.caller.many(_CROWD, lambda _: _submit(row)))
    leaver = await _busy(row)
    leaver.terminate()
    await loading
    row.check(await row.caller.drain(_LIMIT_S), "not drained after a worker left")
    row.check(await asyncio.to_thread(leaver.ended, 20) == 0, "it didn't leave")
    return max(map(_largest, row.field.workers))


async def _poisoned(row: Row) -> str:
    """The id of a job whose body takes its worker down, in one batch with good ones."""
    await row.field.crew("cpu", "cpu", slots=1)
    good = [row.caller.many(_CROWD // 2, lambda _: _submit(row)) for _ in range(2)]
    _, poison, _ = await asyncio.gather(good[0], row.caller.submit(body="segv"), good[1])
    row.check(await row.caller.drain(_LIMIT_S), "not drained after poison")
    return poison


async def _busy(row: Row) -> Member:
    """A worker that is in the middle of something."""

    def found() -> list[Member]:
        workers = row.field.workers
        return [each for each in workers if row.unfinished({process.pid for process in each.tree()})]

    await until(found, 30, "a worker is busy", every_s=0.01)
    return row.chance.choice(found() or row.field.workers)


def _largest(worker: Member) -> int:
    ends = [line for line in worker.words().splitlines() if '"batch_ended"' in line]
    return max((_jobs(json.loads(line)) for line in ends), default=0)


def _jobs(line: dict[str, Any]) -> int:
    return int(line["jobs"])


SPEC = Spec(
    "F26",
    "0 lost, each committed once, extra runs <= kills x batch; of a batch the poison alone is quarantined",
    run,
    frozenset({"batches"}),
)
