"""A worker is frozen for longer than its leases, and goes on as if nothing had been."""

import asyncio
import signal

from tests.faults.field import until
from tests.faults.row import Row, Spec

SLOTS = 4


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    jobs, frozen_s, sleep_ms = pick(16, 50), pick(4.0, 40.0), pick(700, 1_500)
    zombie, *_ = await row.field.crew("cpu", "cpu", "io", slots=SLOTS)
    row.injected, row.load = (
        f"SIGSTOP of a worker for >= {frozen_s:g} s, then SIGCONT",
        f"{jobs} jobs with artifacts",
    )
    await row.caller.many(jobs, lambda _: row.caller.submit(sleep_ms=sleep_ms, artifact_kb=4))
    pids = {process.pid for process in zombie.tree()}
    await until(lambda: row.unfinished(pids), 60, "the zombie works")
    zombie.signal_tree(signal.SIGSTOP)
    met = row.unfinished(pids)
    enough = asyncio.create_task(asyncio.sleep(frozen_s))
    before = await row.caller.drain(row.field.scale.at_most(30))
    row.check(before, "the others didn't finish while it was frozen")
    await enough
    zombie.signal_tree(signal.SIGCONT)
    await asyncio.sleep(pick(2.0, 10.0))  # for whatever the zombie does now
    await row.caller.drain(60)
    tally = row.kept()
    row.figure(f"{len(met)} jobs were frozen, {tally.extra} extra executions")
    # One that had ended, and wasn't committed yet, is no longer unfinished in the ledger: so its slots count.
    row.check(tally.extra <= max(len(met), SLOTS), f"{tally.extra} extra executions for {len(met)} frozen")
    await _artifacts(row)


async def _artifacts(row: Row) -> None:
    """What lies there is what was committed, at the latest after a sweep."""
    if left := _uncommitted(row):
        row.figure(f"{len(left)} artifacts left to the sweep")
        sweep = {"kind": "sweep", "orphan_s": 0, "labels": {"row": row.name}}
        answer = await row.caller.ask("POST", "/api/v1/jobs", json=sweep)
        assert answer is not None
        await row.caller.end_of(answer.json()["id"], 60)
    row.none(_uncommitted(row), "artifacts of refused attempts left")


def _uncommitted(row: Row) -> set[str]:
    tally = row.tally
    objects = row.field.folder / "artifacts" / "objects" / "jobs"
    committed = {(job, str(lines[-1]["fence"])) for job, lines in tally.answers.items()}
    found = {(path.parent.parent.name, path.parent.name) for path in objects.glob("*/*/out.bin")}
    return {f"{job}/{fence}" for job, fence in found if job in tally.accepted and (job, fence) not in committed}


SPEC = Spec("F4", "others finish; the zombie's commit and artifacts are refused; no end ever changes", run)
