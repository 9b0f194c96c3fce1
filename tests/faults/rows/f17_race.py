"""Cancelling races the end of the work."""

import asyncio
import json

from tests.faults.field import until
from tests.faults.receiver import Receiver
from tests.faults.row import Row, Spec


async def run(row: Row) -> None:
    jobs = row.field.scale.pick(100, 1_000)
    row.injected, row.load = "cancel at the moment the work ends", f"{jobs} jobs of 0-40 and 0-1,200 ms"
    await row.field.crew("cpu", "cpu", "io", slots=4)
    with Receiver(row.name, row.field.pen) as receiver:
        await _race(row, receiver.url("ok"), jobs)


async def _race(row: Row, url: str, jobs: int) -> None:
    async def race(_: int) -> tuple[str, int]:
        # Short ones are cancelled about when they are claimed, long ones when their worker looks, or just too late.
        longest = row.chance.choice((40, 40, 1_200))
        job = await row.caller.submit(sleep_ms=row.chance.randrange(longest), fields={"callback_url": url})
        await asyncio.sleep(row.chance.random() * longest / 2_000)
        return job, await row.caller.cancel(job)

    answers = dict(await row.caller.many(jobs, race, at_once=16))
    await row.caller.drain(60)
    ids = list(answers)
    told = await row.caller.many(jobs, lambda number: _ends_told(row, ids[number]), at_once=8)
    events = dict(zip(ids, told, strict=True))
    await row.caller.look()
    hooks = await _hooks(row, set(answers))
    row.check(hooks, "a webhook is missing")
    tally = row.kept()
    done, cancelled = tally.in_state("COMPLETED"), tally.in_state("CANCELLED")
    row.figure(f"{len(done)} COMPLETED, {len(cancelled)} CANCELLED")
    row.none(set(answers) - done - cancelled, "in another state")
    row.none({job for job, status in answers.items() if status == 200} - cancelled, "cancelled at once, yet not")
    row.none({job for job, status in answers.items() if status == 409} - done, "too late to cancel, yet not done")
    row.none({job for job, told in events.items() if len(told) != 1}, "with other than one terminal event")
    row.none(
        {job for job, told in events.items() if (told == ["CANCELLED"]) != (job in cancelled)}, "contradicted"
    )
    row.none({job for job, told in hooks.items() if told != set(events[job])}, "contradicted by their webhook")
    row.check(done and cancelled, "no race: all ended the same way")


async def _hooks(row: Row, jobs: set[str]) -> dict[str, set[str]]:
    """The states that webhooks told of each job; none if one is missing."""
    told: dict[str, set[str]] = {}

    def all_told() -> bool:
        for line in row.field.ledger.lines(row.name, "hook"):
            told.setdefault(line["job"], set()).add(line["state"])
        return jobs <= told.keys()

    try:
        await until(all_told, 60, "webhooks", every_s=0.5)
    except TimeoutError:
        return {}
    return told


async def _ends_told(row: Row, job: str) -> list[str]:
    """The terminal states that the job's events tell; the stream ends after the last event."""
    answer = await row.caller.ask("GET", f"/api/v1/jobs/{job}/events?after_seq=0")
    assert answer is not None
    told = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]
    states = [event.get("state") or (event.get("job") or {}).get("state") for event in told]
    return [state for state in states if state in {"COMPLETED", "FAILED", "CANCELLED"}]


SPEC = Spec("F17", "exactly one terminal state, the same for all who ask or follow", run)
