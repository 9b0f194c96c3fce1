"""A job that an older version accepted goes on, and ends, in this one."""

from collections.abc import AsyncIterator

import pytest
import redis

from shared.settings import JobSettings, Settings
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, redis_jobs

LATER = ("callback", "callback_tries", "callback_error", "callback_url", "retention", "format")


@pytest.fixture
async def jobs(settings: Settings) -> AsyncIterator[Jobs]:
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


async def older(jobs: Jobs, settings: Settings) -> str:
    """As the first version kept it: without what was added since."""
    new = new_job()
    await jobs.front.create(new)
    with redis.Redis.from_url(settings.store_url) as client:
        assert client.hdel(f"{settings.redis.prefix}:job:{new.id}", *LATER) == len(LATER)
    return new.id


async def test_it_is_run_and_swept_like_any_other(jobs: Jobs, settings: Settings):
    job_id = await older(jobs, settings)
    assert [record.id for record in jobs.workshop.unpublished(0)] == [job_id]
    jobs.workshop.published(job_id)
    lost = jobs.workshop.claim(job_id, "w", 10)
    assert lost is not None
    assert jobs.workshop.give_up(job_id, lost.fence, "w", ERROR) is JobState.PENDING
    claim = jobs.workshop.claim(job_id, "w", 10)
    assert claim is not None
    assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED
    assert jobs.workshop.due_callbacks(10) == []
    jobs.workshop.callback_tried(job_id, None, None)
    record = await jobs.front.get(job_id)
    assert (record.callback, record.spec.retention_s, record.outcome) == (None, None, completed())
    jobs.advance(JobSettings().retention_s + 1)
    assert jobs.workshop.outlived() == [job_id]
    assert jobs.workshop.remove(job_id)


async def test_it_is_cancelled_like_any_other(jobs: Jobs, settings: Settings):
    job_id = await older(jobs, settings)
    assert (await jobs.front.request_cancel(job_id, "why")).state is JobState.CANCELLED
    assert (await jobs.front.delete(job_id)).id == job_id
