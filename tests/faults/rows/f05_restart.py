"""Valkey is killed under load and comes back from its append-only file."""

import asyncio
import time

from tests.faults.row import Row, Spec

_DOWN_S = 3.0


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    waiting, per_s, for_s = pick(80, 500), pick(20, 50), pick(5, 20)
    await row.field.crew("cpu", "cpu", slots=4)
    row.load = f"{waiting} waiting, {per_s} submits/s"
    row.injected = f"kill -9 of Valkey (AOF everysec), back {_DOWN_S:g} s later"
    await row.caller.many(waiting, lambda _: row.caller.submit(sleep_ms=pick(60, 100)))
    await asyncio.sleep(1.2)
    loading = asyncio.create_task(
        row.caller.many(per_s * for_s, lambda _: row.caller.submit(sleep_ms=20), per_s=per_s, at_once=200)
    )
    await asyncio.sleep(for_s / 4)
    store = row.field.store
    assert store.process
    store.process.kill()
    killed = time.monotonic()
    await asyncio.sleep(_DOWN_S)
    await row.field.start_valkey(store)
    back = time.monotonic()
    await loading
    await row.caller.drain(60, jobs=_owed(row, killed))
    _judge(row, killed, back)


def _owed(row: Row, killed: float) -> set[str]:
    """Accepted more than a second before the kill, or after it."""
    accepted = row.field.ledger.lines(row.name, "accepted")
    return {line["job"] for line in accepted if not killed - 1 <= line["mono"] <= killed}


def _judge(row: Row, killed: float, back: float) -> None:
    tally = row.tally
    owed = _owed(row, killed)
    row.none(owed - set(tally.answers), "lost")
    row.none(tally.doubled | tally.unproven, "double commits")
    late = tally.accepted - owed
    row.figure(f"{len(late - set(tally.answers))} of {len(late)} accepted in the last second before the kill lost")
    starts = [line["mono"] for line in row.field.ledger.lines(row.name, "start") if line["mono"] > back]
    resumed = min(starts, default=float("inf")) - back
    row.figure(f"workers resumed after {resumed:.1f} s")
    row.check(resumed <= row.field.scale.at_most(10), f"workers resumed after {resumed:.1f} s")


SPEC = Spec("F5", "every 202 given > 1 s before the kill survives; workers resume <= 10 s by themselves", run)
