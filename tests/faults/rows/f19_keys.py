"""Many submits with the same key at the same time, and the same key for something else."""

import asyncio

from tests.faults.caller import Refused
from tests.faults.row import Row, Spec


async def run(row: Row) -> None:
    keys = row.field.scale.pick(8, 20)
    at_once = row.field.scale.pick(20, 50)
    await row.field.crew("cpu", slots=4)
    row.injected, row.load = (
        "the same key again and again, and for another body",
        f"{at_once} at once x {keys} keys",
    )

    async def same(number: int) -> str:
        return await row.caller.submit(key=f"same-{number % keys}", sleep_ms=number % keys)

    found = await row.caller.many(keys * at_once, same, at_once=200)
    named = {number: {found[i] for i in range(number, len(found), keys)} for number in range(keys)}
    row.check(all(len(ids) == 1 for ids in named.values()), "a key has several jobs")
    others = await asyncio.gather(*(_other(row, number) for number in range(keys)))
    row.check(set(others) <= {409, 422}, f"another body with the same key: {sorted(set(others))}")
    await row.caller.drain(60)
    tally = row.kept()
    row.figure(f"{len(set(found))} jobs for {keys} keys, {tally.executions} executions")
    row.check(len(set(found)) == tally.executions == keys, f"{tally.executions} executions for {keys} keys")


async def _other(row: Row, number: int) -> int:
    try:
        await row.caller.submit(key=f"same-{number}", sleep_ms=9_999)
    except Refused as refused:
        return refused.status
    return 202


SPEC = Spec("F19", "one job for each key, all answers name it; another body: 409 or 422", run)
