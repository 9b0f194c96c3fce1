"""What is told about a job: numbered, kept, published, and never at odds with its record."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.events import INLINE_OUTCOME_BYTES, JOB_EVENT, CancelRequested, JobEventBase, Progressed, StateChanged
from shared.jobs import Cancelled, Completed, Progress
from shared.ports import Published
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs

PATIENCE_S = 30


async def a_whole_life(jobs: Jobs) -> str:
    """Created, tried in vain, reported about, asked to stop, completed: eight events, of which the fifth, the first
    report, is outdated by the seventh.
    """
    new = new_job(labels={"unit": 'é "7"', "{": "}"}, device="CPU")
    await jobs.front.create(new)
    first = jobs.workshop.claim(new.id, 'w "1"', 10)
    assert first is not None
    jobs.workshop.give_up(new.id, first.fence, 'w "1"', ERROR)
    second = jobs.workshop.claim(new.id, "w2", 10)
    assert second is not None
    jobs.workshop.report(second, Progress(fraction=0.1, stage="model"))
    await jobs.front.request_cancel(new.id, "why")
    await jobs.front.request_cancel(new.id, "again")
    jobs.workshop.renew(second, 10)
    jobs.workshop.report(second, Progress(fraction=1 / 3, stage="model", message='"a"\n\u2028'))
    jobs.workshop.settle(second, completed())
    return new.id


async def heard(events: AsyncIterator[Published | None], count: int) -> list[Published]:
    async with asyncio.timeout(PATIENCE_S):
        told = [await anext(events) for _ in range(count)]
    assert None not in told
    return [each for each in told if each is not None]


async def test_a_life_in_events(jobs: Jobs):
    job_id = await a_whole_life(jobs)
    record = await jobs.front.get(job_id)

    events = [JOB_EVENT.validate_json(each) for each in await jobs.front.events(job_id, 0)]

    assert [each.seq for each in events] == [1, 2, 3, 4, 6, 7, 8]
    assert record.seq == 8
    for each in events:
        assert isinstance(each, JobEventBase)
        assert (each.job_id, each.kind, each.device, each.lane) == (job_id, "inference", "CPU", "cpu")
        assert each.labels == {"unit": 'é "7"', "{": "}"}
    assert [each.at_ms for each in events] == sorted(each.at_ms for each in events)

    created, claimed, lost, again, cancel, progress, done = events
    assert isinstance(created, StateChanged)
    assert (created.state, created.attempt, created.worker) == (JobState.PENDING, 0, None)
    assert isinstance(claimed, StateChanged)
    assert (claimed.state, claimed.attempt, claimed.worker) == (JobState.RUNNING, 0, 'w "1"')
    assert isinstance(lost, StateChanged)
    assert (lost.state, lost.attempt, lost.worker) == (JobState.PENDING, 1, 'w "1"')
    assert isinstance(again, StateChanged)
    assert (again.state, again.attempt, again.worker) == (JobState.RUNNING, 1, "w2")
    assert isinstance(progress, Progressed)
    assert progress.progress == Progress(fraction=1 / 3, stage="model", message='"a"\n\u2028')
    assert isinstance(cancel, CancelRequested)
    assert isinstance(done, StateChanged)
    assert (done.state, done.worker, done.outcome, done.outcome_omitted) == (
        JobState.COMPLETED,
        "w2",
        completed(),
        False,
    )
    assert record.finished_at is not None
    assert done.at_ms == int(record.finished_at.timestamp() * 1000)


async def test_what_is_published_is_what_is_kept(jobs: Jobs):
    async with jobs.bus.listen() as first, jobs.bus.listen() as second:
        job_id = await a_whole_life(jobs)
        told = await heard(first, 8)
        assert await heard(second, 8) == told

    assert {each.job_id for each in told} == {job_id}
    assert [each.event for each in told[:4] + told[5:]] == await jobs.front.events(job_id, 0)


async def test_replay_goes_on_after_a_number(jobs: Jobs):
    job_id = await a_whole_life(jobs)
    every = await jobs.front.events(job_id, 0)

    assert await jobs.front.events(job_id, 4) == await jobs.front.events(job_id, 5) == every[4:]
    assert await jobs.front.events(job_id, 2, limit=3) == every[2:5]
    assert await jobs.front.events(job_id, 8) == []
    assert await jobs.front.events(job_id, 1_000) == []
    assert await jobs.front.events(job_id, -1) == every


async def test_subscribing_first_and_reading_second_misses_nothing(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None

    def report_many() -> None:
        for number in range(200):
            jobs.workshop.report(claim, Progress(fraction=number / 200))
        jobs.workshop.settle(claim, completed())

    work = asyncio.create_task(asyncio.to_thread(report_many))
    async with jobs.bus.listen() as events, asyncio.timeout(PATIENCE_S):
        snapshot = await jobs.front.get(new.id)
        seen = [snapshot.seq]
        while seen[-1] < 203:
            told = await anext(events)
            assert told is not None
            event = JOB_EVENT.validate_json(told.event)
            if event.seq > seen[0]:
                seen.append(event.seq)
    await work

    assert seen == list(range(snapshot.seq, 204))


async def test_parallel_reports_leave_no_gap(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None

    async with jobs.bus.listen() as listened:
        await asyncio.gather(
            *(asyncio.to_thread(jobs.workshop.report, claim, Progress(fraction=n / 40)) for n in range(40))
        )
        told = [JOB_EVENT.validate_json(each.event) for each in await heard(listened, 40)]

    events = [JOB_EVENT.validate_json(each) for each in await jobs.front.events(new.id, 0)]
    assert [each.seq for each in told] == list(range(3, 43))
    assert [each.seq for each in events] == [1, 2, 42]
    assert (await jobs.front.get(new.id)).seq == 42


@pytest.mark.parametrize(
    ("reason_bytes", "sent"), [(INLINE_OUTCOME_BYTES, False), (INLINE_OUTCOME_BYTES - 40, True)]
)
async def test_a_large_outcome_is_not_sent_with_its_event(jobs: Jobs, reason_bytes: int, sent: bool):
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    outcome = Cancelled(reason="x" * reason_bytes)
    jobs.workshop.settle(claim, outcome)

    event = JOB_EVENT.validate_json((await jobs.front.events(new.id, 2))[0])

    assert isinstance(event, StateChanged)
    assert event.outcome_omitted is not sent
    assert event.outcome == (outcome if sent else None)
    assert (await jobs.front.get(new.id)).outcome == outcome


async def test_empty_lists_and_long_numbers_stay_as_they_are(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    exact = 0.123_456_789_012_345_67
    result = completed(0).result.model_copy(update={"version": "é"})
    timings = result.timings.model_copy(update={"model_ms": exact})
    outcome = Completed(result=result.model_copy(update={"timings": timings}))
    jobs.workshop.settle(claim, outcome)

    event = JOB_EVENT.validate_json((await jobs.front.events(new.id, 2))[0])

    assert isinstance(event, StateChanged)
    assert event.outcome == outcome
    assert (await jobs.front.get(new.id)).outcome == outcome


async def test_a_listener_that_leaves_hears_nothing_and_hurts_nobody(jobs: Jobs):
    async with jobs.bus.listen():
        pass
    async with jobs.bus.listen() as events:
        await jobs.front.create(new_job())
        assert len(await heard(events, 1)) == 1
