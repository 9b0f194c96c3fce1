"""A job that an older version accepted goes on, and ends, in this one."""

from collections.abc import AsyncIterator

import pytest
import redis

from shared.events import JOB_EVENT
from shared.jobs import Progress
from shared.ports import JobQuery, NewJob
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


async def test_what_an_older_process_told_stands_in_its_place(jobs: Jobs, settings: Settings):
    """It kept events in a stream."""
    new = new_job(callback_url="https://a.test")
    await jobs.front.create(new)
    lost = jobs.workshop.claim(new.id, "w", 10)
    assert lost is not None
    jobs.workshop.report(lost, Progress(fraction=0.5))
    jobs.workshop.settle(lost, completed())
    told = await jobs.front.events(new.id, 0)
    key = f"{settings.redis.prefix}:job:{new.id}"
    with redis.Redis.from_url(settings.store_url) as client:
        for seq in (2, 4):
            assert client.lrem(f"{key}:told", 1, told[seq - 1]) == 1
            client.xadd(f"{key}:events", {"e": told[seq - 1]}, id=f"{seq}-0")

        assert await jobs.front.events(new.id, 0) == told
        assert await jobs.front.events(new.id, 2) == told[2:]
        assert await jobs.front.events(new.id, 1, limit=2) == told[1:3]
        assert [each.event for each in jobs.workshop.due_callbacks(10)] == [told[3]]
        await jobs.front.delete(new.id)
        assert client.exists(f"{key}:told", f"{key}:events") == 0


async def test_progress_that_an_older_process_told_is_replaced(jobs: Jobs, settings: Settings):
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    jobs.workshop.report(claim, Progress(fraction=0.5))
    told = await jobs.front.events(new.id, 0)
    key = f"{settings.redis.prefix}:job:{new.id}"
    with redis.Redis.from_url(settings.store_url) as client:
        client.rpop(f"{key}:told")
        client.xadd(f"{key}:events", {"e": told[2]}, id="3-0")
    jobs.workshop.report(claim, Progress(fraction=0.6))
    assert [seq_of(each) for each in await jobs.front.events(new.id, 0)] == [1, 2, 4]


def seq_of(event: str) -> int:
    return JOB_EVENT.validate_json(event).seq


async def test_it_is_found_by_its_tenant_once_it_was_looked_at(jobs: Jobs, settings: Settings):
    """It was accepted by a version that knew no tenants, beside this one; another was removed by that version."""
    ours, theirs, gone = new_job(), new_job(max_attempts=1), new_job()
    for new in (theirs, ours, gone):
        await jobs.front.create(new)
    claim = jobs.workshop.claim(theirs.id, "w", 10)
    assert claim is not None
    jobs.workshop.give_up(theirs.id, claim.fence, "w", ERROR)
    begin = settings.redis.prefix
    with redis.Redis.from_url(settings.store_url) as client:
        client.hdel(f"{begin}:job:{theirs.id}", "tenant")
        client.zrem(f"{begin}:index:default", theirs.id)
        client.zrem(f"{begin}:dead:default", theirs.id)
        client.delete(f"{begin}:job:{gone.id}")
        client.zrem(f"{begin}:index", gone.id)
    mine = JobQuery(limit=9, tenant="default")
    assert [job.id for job in (await jobs.front.find(mine)).jobs] == [ours.id]
    assert [jobs.workshop.list_older(limit=1) for _ in range(3)] == [1, 1, 0]
    assert [job.id for job in (await jobs.front.find(mine)).jobs] == [ours.id, theirs.id]
    assert [job.id for job in (await jobs.front.dead(9, tenant="default")).jobs] == [theirs.id]
    labelled = JobQuery(limit=9, tenant="default", labels={"a": "b"})
    assert (await jobs.front.find(labelled)).jobs == []


async def test_jobs_of_other_tenants_stay_theirs(jobs: Jobs, settings: Settings):
    new = new_job()
    fields = {name: getattr(new, name) for name in NewJob.__slots__}
    await jobs.front.create(NewJob(**fields | {"tenant": "acme"}))
    assert jobs.workshop.list_older() == 1
    assert (await jobs.front.find(JobQuery(limit=9, tenant="default"))).jobs == []
    later = new_job()
    await jobs.front.create(later)
    assert jobs.workshop.list_older() == 1, "the first isn't looked at again"
