"""The object store is away when the work wants to keep its results."""

import asyncio
import time

from tests.faults.field import until
from tests.faults.row import Row, Spec

_KB = 64


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    jobs, down_s, work_ms = pick(12, 50), pick(6.0, 60.0), pick(3_000, 1_500)
    await row.field.crew("cpu", "cpu", slots=(jobs + 1) // 2)
    row.injected, row.load = f"S3 server killed for {down_s:g} s", f"{jobs} jobs about to keep {_KB} kB"
    await row.caller.many(jobs, lambda _: row.caller.submit(sleep_ms=work_ms, artifact_kb=_KB))
    await until(lambda: row.tally.executions >= jobs, 60, "all run")
    s3 = row.field.s3
    assert s3
    assert s3.process
    s3.process.kill()
    s3.process.wait()
    reading = asyncio.create_task(_read_all(row, jobs, down_s + 90))
    await asyncio.sleep(down_s)
    row.check(not row.tally.in_state("COMPLETED"), "COMPLETED while there was no store")
    await row.field.start_s3()
    back = time.monotonic()
    unreadable = await reading
    took = time.monotonic() - back
    tally = row.kept()
    row.none(unreadable, "COMPLETED without a readable artifact")
    row.none(tally.accepted - tally.in_state("COMPLETED"), "not COMPLETED")
    row.figure(f"{tally.executions} executions of {jobs} jobs; all done {took:.1f} s after the store was back")
    row.check(tally.executions == jobs, f"{tally.executions} executions of {jobs} jobs")


async def _read_all(row: Row, jobs: int, within_s: float) -> set[str]:
    """Reads each artifact as soon as its job is seen to be COMPLETED; jobs where that failed."""
    read: set[str] = set()
    bad: set[str] = set()
    deadline = time.monotonic() + within_s
    while len(read) < jobs and time.monotonic() < deadline:
        for job in [one["id"] for one in (await row.caller.look()).values() if one["state"] == "COMPLETED"]:
            if job not in read:
                read.add(job)
                answer = await row.caller.ask(
                    "GET", f"/api/v1/jobs/{job}/artifacts/out.bin", follow_redirects=True, timeout=10
                )
                if answer is None or answer.status_code != 200 or len(answer.content) != _KB * 1024:
                    bad.add(job)
        await asyncio.sleep(0.3)
    return bad


SPEC = Spec("F10", "uploads repeated, work not; COMPLETED only with a readable artifact", run, frozenset({"s3"}))
