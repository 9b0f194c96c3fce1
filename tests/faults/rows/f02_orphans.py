"""A worker's main process is killed; what it had started stays without it."""

import signal
import time

from tests.faults.field import until
from tests.faults.members import lives
from tests.faults.row import Row, Spec, percentile


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    jobs, seconds, slots = pick(12, 100), pick(1.5, 5.0), pick(6, 12)
    victim, *_ = await row.field.crew("cpu", "cpu", slots=slots)
    row.injected, row.load = "kill -9 of a worker's main process only", f"{jobs} jobs of {seconds:g} s"
    await row.caller.many(jobs, lambda _: row.caller.submit(sleep_ms=int(seconds * 1000), artifact_kb=1))
    tree = [process.pid for process in victim.tree()]
    await until(lambda: row.unfinished(tree), 60, "the victim works")
    victim.process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    row.field.workers.remove(victim)
    await until(lambda: not any(lives(pid) for pid in tree), 90, "everything of the victim is gone", every_s=0.01)
    gone_s = time.monotonic() - killed
    met = row.unfinished(tree)
    # Those that were met may run one by one: any of them may have been the cause.
    await row.caller.drain(2 * row.field.scale.lease_s + (jobs / slots + slots) * seconds + 60)
    tally = row.kept()
    row.figure(f"{len(tree)} processes gone after {gone_s:.1f} s")
    row.check(gone_s <= row.field.scale.at_most(20), f"a process of the victim lived for {gone_s:.1f} s")
    row.figure(f"{tally.extra} extra executions for {len(met)} that were met")
    row.check(tally.extra <= len(met), f"{tally.extra} extra executions, {len(met)} were met")
    again = [line["mono"] - killed for job, _ in met for line in tally.starts[job][1:]]
    row.figure(
        f"they began again p50 {percentile(again, 0.5):.1f} s, p95 {percentile(again, 0.95):.1f} s after the kill"
    )


SPEC = Spec("F2", "an orphan's late commit is refused; no process of it lives after 20 s", run)
