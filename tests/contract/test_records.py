"""What every job store promises of figures and metadata records."""

import json
from collections.abc import AsyncIterator

import pytest

from shared.errors import JobNotFound, StaleClaim
from shared.events import JOB_EVENT, Measured
from shared.jobs import Progress
from shared.ports import Claim, NumberedRecord, Record, RecordPage
from shared.results import Latency, StreamFigures
from shared.settings import JobSettings, Settings
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, memory_jobs, redis_jobs

KEPT = 5
EVENTS = 100
"""Redis keeps a few more than the setting says: it drops whole blocks of a hundred."""
FIGURES = [
    StreamFigures(stream=0, frames=12, fps=24.5, latency=Latency(avg_ms=1.5, min_ms=1, max_ms=2)),
    StreamFigures(stream=1, frames=0, fps=0.0),
]


@pytest.fixture(params=["memory", "redis"])
async def jobs(request: pytest.FixtureRequest) -> AsyncIterator[Jobs]:
    few = JobSettings(records_kept=KEPT, events_kept=EVENTS)
    if request.param == "memory":
        rig = memory_jobs(few)
    else:
        settings: Settings = request.getfixturevalue("settings")
        rig = redis_jobs(settings.model_copy(update={"jobs": few}))
    yield rig
    await rig.front.close()
    rig.workshop.close()


async def running(jobs: Jobs, job_id: str = "a") -> Claim:
    await jobs.front.create(new_job(id=job_id))
    claim = jobs.workshop.claim(job_id, "host:1", 10)
    assert claim is not None
    return claim


def some(*streams: int) -> list[Record]:
    return [Record(stream, json.dumps({"at": at, "é": '"\n'})) for at, stream in enumerate(streams)]


async def test_figures_are_an_event_like_any_other(jobs: Jobs):
    claim = await running(jobs)
    before = await jobs.front.get("a")

    assert jobs.workshop.measure(claim, FIGURES, some(0, 1)) is False

    job = await jobs.front.get("a")
    assert job.seq == before.seq + 1
    (told,) = [JOB_EVENT.validate_json(each) for each in await jobs.front.events("a", before.seq)]
    assert isinstance(told, Measured)
    assert (told.seq, told.streams, told.records) == (job.seq, FIGURES, 2)


async def test_hours_of_figures_push_out_nothing(jobs: Jobs):
    """Of figures and of progress the newest is kept, wherever a reader was."""
    claim = await running(jobs)
    for count in range(3 * EVENTS):
        jobs.workshop.measure(claim, FIGURES, some(0))
        jobs.workshop.report(claim, Progress(fraction=count / 1_000))
    await jobs.front.request_cancel("a", "enough")
    jobs.workshop.measure(claim, FIGURES)
    jobs.workshop.give_up("a", claim.fence, "w", ERROR)

    last = (await jobs.front.get("a")).seq
    assert last == 2 + 6 * EVENTS + 3
    kept = [JOB_EVENT.validate_json(each) for each in await jobs.front.events("a", 0)]
    assert [(each.seq, each.type) for each in kept] == [
        (1, "state"),
        (2, "state"),
        (last - 3, "progress"),
        (last - 2, "cancel_requested"),
        (last - 1, "figures"),
        (last, "state"),
    ]
    assert [JOB_EVENT.validate_json(each) for each in await jobs.front.events("a", 9, limit=2)] == kept[2:4]


async def test_whoever_measures_learns_that_the_job_shall_stop(jobs: Jobs):
    claim = await running(jobs)
    await jobs.front.request_cancel("a", "enough")
    assert jobs.workshop.measure(claim, FIGURES) is True


async def test_records_are_numbered_from_one_over_all_streams(jobs: Jobs):
    claim = await running(jobs)
    sent = some(0, 1, 0)
    jobs.workshop.measure(claim, FIGURES, sent[:2])
    jobs.workshop.measure(claim, FIGURES, sent[2:])

    page = await jobs.front.records("a")
    numbered = [NumberedRecord(number, each.stream, each.json) for number, each in enumerate(sent, 1)]
    assert page == RecordPage(numbered, first=1, last=3)
    assert (await jobs.front.records("a", after=1, limit=1)).records == numbered[1:2]
    assert (await jobs.front.records("a", stream=0)).records == [numbered[0], numbered[2]]
    assert (await jobs.front.records("a", stream=0, limit=1)).records == numbered[:1]
    assert (await jobs.front.records("a", after=3)) == RecordPage([], first=1, last=3)


async def test_the_newest_are_kept(jobs: Jobs):
    claim = await running(jobs)
    jobs.workshop.measure(claim, FIGURES, some(*range(KEPT + 2)))

    page = await jobs.front.records("a")
    assert [each.number for each in page.records] == [3, 4, 5, 6, 7]
    assert (page.first, page.last) == (3, KEPT + 2)


async def test_records_outlive_the_work_and_go_with_the_job(jobs: Jobs):
    claim = await running(jobs)
    jobs.workshop.measure(claim, FIGURES, some(0))
    jobs.workshop.settle(claim, completed())
    assert (await jobs.front.records("a")).last == 1

    await jobs.front.delete("a")
    with pytest.raises(JobNotFound):
        await jobs.front.records("a")
    await running(jobs)
    assert await jobs.front.records("a") == RecordPage([], first=0, last=0)


async def again(jobs: Jobs, claim: Claim) -> Claim:
    """The next attempt, after this one was lost."""
    jobs.workshop.give_up("a", claim.fence, "w", ERROR, costs=False)
    following = jobs.workshop.claim("a", "host:2", 10)
    assert following is not None
    return following


async def test_the_next_attempt_drops_what_a_lost_one_wrote_and_numbers_go_on(jobs: Jobs):
    first = await running(jobs)
    jobs.workshop.measure(first, FIGURES, some(0, 0))
    second = await again(jobs, first)
    assert await jobs.front.records("a") == RecordPage([], first=0, last=0, restarted=3)

    jobs.workshop.measure(second, FIGURES, some(1))
    (record,) = some(1)
    page = RecordPage([NumberedRecord(4, 1, record.json)], first=4, last=4, restarted=3)
    assert await jobs.front.records("a") == await jobs.front.records("a", after=2) == page

    with pytest.raises(StaleClaim):
        jobs.workshop.measure(first, FIGURES, some(0))
    assert await jobs.front.records("a") == page


async def test_attempts_without_records_restart_nothing(jobs: Jobs):
    claim = await again(jobs, await running(jobs))
    assert (await jobs.front.records("a")).restarted == 0
    jobs.workshop.measure(claim, FIGURES, some(0))
    claim = await again(jobs, await again(jobs, claim))
    assert await jobs.front.records("a") == RecordPage([], first=0, last=0, restarted=2)
    jobs.workshop.measure(claim, FIGURES, some(*range(KEPT + 1)))
    page = await jobs.front.records("a")
    assert (page.first, page.last, page.restarted) == (4, 8, 2)


async def test_records_of_a_job_that_failed_are_kept(jobs: Jobs):
    claim = await running(jobs)
    jobs.workshop.measure(claim, FIGURES, some(0))
    for _ in range(10):
        if jobs.workshop.give_up("a", claim.fence, "w", ERROR) is JobState.FAILED:
            break
        claim = jobs.workshop.claim("a", "w", 10) or claim
        jobs.workshop.measure(claim, FIGURES, some(0))
    page = await jobs.front.records("a")
    assert [each.number for each in page.records] == [page.restarted + 1]


async def test_records_of_nobodys_job(jobs: Jobs):
    with pytest.raises(JobNotFound):
        await jobs.front.records("nobody")
