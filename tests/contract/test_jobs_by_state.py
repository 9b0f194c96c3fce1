"""Jobs of a state are found whatever is between them."""

import asyncio

import pytest
import redis

from shared.jobs import Cancelled, Failed
from shared.ports import Ending, Envelope, JobQuery
from shared.settings import Settings
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, redis_jobs


async def made(jobs: Jobs, **fields) -> str:
    new = new_job(blobs=(), **fields)
    await jobs.front.create(new)
    return new.id


async def found(jobs: Jobs, state: JobState, **filters) -> list[str]:
    page = await jobs.front.find(JobQuery(state=state, **filters))
    assert page.next_cursor is None
    return [job.id for job in page.jobs]


async def test_each_is_found_in_its_state_and_in_no_other(jobs: Jobs):
    waits, runs, cancelled, again = [await made(jobs) for _ in range(4)]
    failed, late = await made(jobs, max_attempts=1), await made(jobs, expires_s=1)
    for job_id in (runs, failed, again):
        assert jobs.workshop.claim(job_id, "w", 10) is not None
    for job_id in (failed, again):
        jobs.workshop.give_up(job_id, 1, "w", ERROR)
    await jobs.front.request_cancel(cancelled, "why")
    jobs.advance(2)
    assert jobs.workshop.expire() == [late]

    expected = [[again, waits], [runs], [], [late, failed], [cancelled]]
    assert [await found(jobs, state) for state in JobState] == expected
    assert await found(jobs, JobState.FAILED, device="CPU") == []

    await jobs.front.delete(cancelled)
    await jobs.front.discard(waits)
    assert await found(jobs, JobState.CANCELLED) == []
    assert await found(jobs, JobState.PENDING) == [again]


async def test_jobs_that_ran_together_are_found(jobs: Jobs):
    message = Envelope("queue", b"a message")
    ids = [await made(jobs, group="g", message=message) for _ in range(4)]
    late = await made(jobs, group="g", message=message, expires_s=0.000_001)
    claims = jobs.workshop.claim_ready("5:cpu:g", "w", 10)
    assert await found(jobs, JobState.RUNNING) == ids[::-1]
    assert await found(jobs, JobState.FAILED) == [late]

    outcomes = [completed(), Failed(error=ERROR), Cancelled(reason="enough")]
    jobs.workshop.settle_many([Ending(*pair) for pair in zip(claims, outcomes, strict=False)])
    assert [await found(jobs, state) for state in JobState] == [[], [ids[3]], [ids[0]], [late, ids[1]], [ids[2]]]


async def test_what_ended_is_on_the_first_page_however_many_came_since(jobs: Jobs):
    ended = await made(jobs)
    await jobs.front.request_cancel(ended, "why")
    await asyncio.gather(*(made(jobs) for _ in range(1_050)))
    assert await found(jobs, JobState.CANCELLED) == [ended]


async def test_few_that_live_are_found_among_many_that_ended(jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shared.adapters.redis_jobs.calls.SCAN_LIMIT", 10)
    monkeypatch.setattr("shared.adapters.memory.front.SCAN_LIMIT", 10)
    waits = [await made(jobs, lane=lane) for lane in ("cpu", "gpu", "cpu")]
    runs = await made(jobs)
    assert jobs.workshop.claim(runs, "w", 10) is not None
    for _ in range(15):
        await jobs.front.request_cancel(await made(jobs), "why")
    assert await found(jobs, JobState.PENDING) == waits[::-1]
    assert await found(jobs, JobState.RUNNING) == [runs]

    first = await jobs.front.find(JobQuery(state=JobState.PENDING, limit=2))
    rest = await jobs.front.find(JobQuery(state=JobState.PENDING, limit=2, cursor=first.next_cursor))
    assert ([job.id for job in first.jobs], [job.id for job in rest.jobs]) == (waits[:0:-1], waits[:1])
    assert rest.next_cursor is None


async def test_many_that_wait_come_by_pages(jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shared.adapters.redis_jobs.calls.SCAN_LIMIT", 3)
    waits = [await made(jobs) for _ in range(5)]
    seen, cursor = list[str](), None
    for _ in range(3):
        page = await jobs.front.find(JobQuery(state=JobState.PENDING, limit=2, cursor=cursor))
        seen += [job.id for job in page.jobs]
        cursor = page.next_cursor
    assert (seen, cursor) == (waits[::-1], None)


async def test_what_ended_under_a_version_that_kept_no_sets_of_ends_is_found(settings: Settings):
    jobs = redis_jobs(settings)
    old, ended = await made(jobs), await made(jobs)
    await jobs.front.request_cancel(ended, "why")
    with redis.Redis.from_url(settings.store_url) as client:
        assert client.delete(f"{settings.redis.prefix}:ended:CANCELLED") == 1
    assert await found(jobs, JobState.CANCELLED) == [ended]
    await jobs.front.request_cancel(old, "why")
    assert await found(jobs, JobState.CANCELLED) == [ended, old]
    await jobs.front.delete(ended)
    assert await found(jobs, JobState.CANCELLED) == [old]
    await jobs.front.close()
    jobs.workshop.close()
