"""Worker trees are killed one after the other while jobs of three lanes go through them."""

import asyncio
import time

from tests.faults.field import until
from tests.faults.members import Member
from tests.faults.row import Row, Spec, percentile

_DEVICES = ("CPU", "GPU", "NPU")


async def run(row: Row) -> None:
    pick = row.field.scale.pick
    jobs, kill_for_s, pause_s = pick(120, 1_000), pick(10.0, 60.0), pick(1.5, 2.0)
    longest_ms, per_lane = pick(200, 500), pick(1, 2)
    await row.field.crew(*(device.lower() for device in _DEVICES for _ in range(per_lane)), slots=1)
    row.load = f"{jobs} jobs of 20-{longest_ms} ms, 3 lanes x {per_lane} workers"

    async def submit(number: int) -> None:
        fields = {"device": _DEVICES[number % 3], "max_attempts": 10, "priority": row.chance.randrange(10)}
        await row.caller.submit(sleep_ms=row.chance.randrange(20, longest_ms), fields=fields)

    loading = asyncio.create_task(row.caller.many(jobs, submit, per_s=jobs / kill_for_s * 1.2))
    kills, met, last = await _kill(row, kill_for_s, pause_s)
    row.injected = f"kill -9 of a random worker tree every {pause_s:g} s, {kills} in all"
    await loading
    soon_s = row.field.scale.at_most(30)
    drained = await row.caller.drain(soon_s + 30)
    drain_s = max(0.0, max(line["mono"] for line in row.field.ledger.lines(row.name, "end")) - last)
    tally = row.kept()
    row.figure(f"{tally.extra} extra executions after {kills} kills, of which {met} met a job")
    row.check(tally.extra <= kills + 0.03 * jobs, f"{tally.extra} extra executions, {kills} kills")
    row.figure(f"last job done {drain_s:.1f} s after the last kill")
    row.check(drained and drain_s <= soon_s, f"drained {drain_s:.1f} s after the last kill")
    recover_s = _recovered_after(row)
    if recover_s:
        p95 = percentile(recover_s, 0.95)
        limit = 2 * row.field.scale.lease_s
        row.figure(f"recovery p50 {percentile(recover_s, 0.5):.1f} s, p95 {p95:.1f} s, limit {limit:g} s")
        # With short leases and one worker in a lane it is mostly the start of a new one.
        row.check(row.field.scale.short or p95 <= limit, f"recovery p95 {p95:.1f} s")


async def _kill(row: Row, for_s: float, pause_s: float) -> tuple[int, int, float]:
    """Kills, how many of them met a running job, and when the last one was."""
    kills = met = 0
    last = time.monotonic()
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        await asyncio.sleep(pause_s)
        await until(lambda: _ready(row), 60, "a worker is ready")
        victim = row.chance.choice(_ready(row))
        pids = {process.pid for process in victim.tree()}
        await asyncio.to_thread(victim.kill_tree)
        last = time.monotonic()
        kills += 1
        met += _note_victims(row, pids)
        _replace(row, victim)
    await until(lambda: all(worker.says("worker_ready") for worker in row.field.workers), 60, "workers are back")
    return kills, met, last


def _ready(row: Row) -> list[Member]:
    """Those that may be at work: where starting takes long, the others would be killed before they did anything."""
    return [worker for worker in row.field.workers if worker.says("worker_ready")]


def _note_victims(row: Row, pids: set[int]) -> int:
    """How many attempts ran in these processes; they are written down."""
    hit = row.unfinished(pids)
    for job, fence in hit:
        row.field.pen.note("killed", row=row.name, job=job, fence=fence)
    return len(hit)


def _replace(row: Row, victim: Member) -> None:
    row.field.workers.remove(victim)
    row.field.spawn_worker(victim.name.split("-")[1], slots=1)


def _recovered_after(row: Row) -> list[float]:
    """Seconds from each death of an attempt to the start of the job's next one.

    If the next one to start isn't the next that was claimed, another kill met the job in between: that is two
    recoveries, and only the second one's end is known.
    """
    starts = row.tally.starts
    found: list[float] = []
    for line in row.field.ledger.lines(row.name, "killed"):
        later = [start["mono"] for start in starts[line["job"]] if start["fence"] == line["fence"] + 1]
        found += [start - line["mono"] for start in later]
    return found


SPEC = Spec(
    "F1", "0 lost, each committed once, extra runs <= kills + 3 %, drained <= 30 s after the last kill", run
)
