"""A record that can't be read is told as such and gets rid of, and never takes others with it."""

from collections.abc import AsyncIterator

import pytest
import redis
from structlog.testing import capture_logs

from shared.errors import JobNotFound, StoreUnavailable
from shared.jobs import Completed
from shared.ports import JobQuery
from shared.results import BatchPrediction, InferenceResult, InferenceTimings
from shared.settings import Settings
from shared.states import JobState
from tests.support.jobs import new_job
from tests.support.rigs import Jobs, redis_jobs


@pytest.fixture
async def jobs(settings: Settings) -> AsyncIterator[Jobs]:
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


async def unreadable(jobs: Jobs) -> str:
    """JSON knows no NaN: such a result can be written, but not be read."""
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    prediction = BatchPrediction(rows=1, classes=["a"], indices=[0], confidences=[float("nan")])
    result = InferenceResult(
        model="asl",
        version="0123456789abcdef",
        runtime="torch",
        device="CPU",
        predictions=[prediction],
        timings=InferenceTimings(model_ms=1),
    )
    jobs.workshop.settle(claim, Completed(result=result))
    return new.id


async def test_its_neighbours_are_found(jobs: Jobs):
    first = (await jobs.front.create(new_job())).record
    bad = await unreadable(jobs)
    last = (await jobs.front.create(new_job())).record

    with capture_logs() as logs:
        page = await jobs.front.find(JobQuery())

    assert page.jobs == [last, first]
    (entry,) = [log for log in logs if log["event"] == "record_unreadable"]
    assert bad in entry["reason"]


async def test_getting_it_says_what_is_wrong(jobs: Jobs):
    bad = await unreadable(jobs)
    with pytest.raises(StoreUnavailable, match=f"the record of job {bad} can't be read"):
        await jobs.front.get(bad)


async def test_it_can_be_deleted(jobs: Jobs):
    bad = await unreadable(jobs)

    was = await jobs.front.delete(bad)

    assert (was.id, was.state, was.outcome) == (bad, JobState.COMPLETED, None)
    with pytest.raises(JobNotFound):
        await jobs.front.get(bad)
    assert (await jobs.front.find(JobQuery())).jobs == []


async def test_it_does_not_stop_a_sweep(jobs: Jobs, settings: Settings):
    bad, good = new_job(), new_job()
    await jobs.front.create(bad)
    await jobs.front.create(good)
    with redis.Redis.from_url(settings.store_url) as client:
        client.hset(f"{settings.redis.prefix}:job:{bad.id}", "progress", "{")

    assert [record.id for record in jobs.workshop.unpublished(0)] == [good.id]
