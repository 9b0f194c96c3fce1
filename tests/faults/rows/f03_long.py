"""Jobs that run many times longer than their lease."""

from tests.faults.row import Row, Spec


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    jobs, seconds = pick(4, 8), pick(12, 90)
    await row.field.crew("cpu", "cpu", slots=4)
    row.injected = f"work {seconds / row.field.scale.lease_s:.0f} x longer than the lease"
    row.load = f"{jobs} jobs of {seconds} s, lease {row.field.scale.lease_s:g} s"
    await row.caller.many(jobs, lambda _: row.caller.submit(sleep_ms=seconds * 1000))
    await row.caller.drain(seconds + 60)
    tally = row.kept()
    row.figure(f"{tally.executions} executions of {jobs} jobs")
    row.check(tally.executions == jobs, f"{tally.executions} executions of {jobs} jobs")


SPEC = Spec("F3", "each runs exactly once", run)
