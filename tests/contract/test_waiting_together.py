"""Jobs of a group wait in one place with few messages; lanes and callers may have so many that wait."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.errors import CallerFull, JobConflict, QueueFull
from shared.ports import Envelope
from shared.queue_settings import BatchingSettings
from shared.settings import LimitSettings, Settings
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, memory_jobs, redis_jobs

LIMITS = LimitSettings(lane_depth=5, caller_depth=3)
TOGETHER = 4


@pytest.fixture(params=["memory", "redis"])
async def jobs(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Jobs]:
    given = settings.model_copy(update={"limits": LIMITS, "batching": BatchingSettings(jobs=TOGETHER)})
    rig = memory_jobs(limits=LIMITS, together=TOGETHER) if request.param == "memory" else redis_jobs(given)
    yield rig
    await rig.front.close()
    rig.workshop.close()


@pytest.fixture
def queue(settings: Settings) -> str:
    return f"{settings.redis.prefix}:a-queue"


async def waiting(jobs: Jobs, queue: str, number: int, group: str = "g", **fields) -> str:
    new = new_job(message=Envelope(queue, b"%d" % number), group=group, blobs=(), **fields)
    await jobs.front.create(new)
    return new.id


async def test_a_place_gets_a_message_when_it_was_empty_and_with_every_batch(jobs: Jobs, queue: str):
    for number in range(10):
        await waiting(jobs, queue, number)
    assert jobs.queued(queue) == [b"0", b"4", b"8"]


async def test_places_are_apart_by_group_lane_and_priority(jobs: Jobs, queue: str):
    for number, given in enumerate(({}, {"group": "h"}, {"lane": "gpu"}, {"priority": 7}, {"group": ""})):
        await waiting(jobs, queue, number, **given)
    await waiting(jobs, queue, 9)
    assert jobs.queued(queue) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_message_that_was_lost_holds_nobody_up(jobs: Jobs, queue: str):
    await waiting(jobs, queue, 0)
    await waiting(jobs, queue, 1)
    jobs.advance(1.5)
    for number in (2, 3):
        await waiting(jobs, queue, number)
    assert jobs.queued(queue) == [b"0", b"2"]


async def test_a_job_in_a_place_counts_as_sent(jobs: Jobs, queue: str):
    for number in range(3):
        await waiting(jobs, queue, number)
    assert jobs.workshop.unpublished(0) == []


async def test_many_made_at_once_are_answered_each_for_itself(jobs: Jobs, queue: str):
    taken = new_job(blobs=())
    await jobs.front.create(taken)
    news = [new_job(message=Envelope(queue, b"m"), group="g", blobs=(b"%d" % number,)) for number in range(20)]
    made = await asyncio.gather(
        *(jobs.front.create(new) for new in news[:10]),
        jobs.front.create(new_job(id=taken.id, fingerprint="other")),
        jobs.front.create(new_job(id=taken.id, blobs=())),
        *(jobs.front.create(new) for new in news[10:]),
        return_exceptions=True,
    )
    conflict, again = made.pop(10), made.pop(10)
    assert isinstance(conflict, JobConflict)
    assert (again.record.id, again.fresh) == (taken.id, False)
    assert [(each.record.id, each.fresh) for each in made] == [(new.id, True) for new in news]
    for number, new in enumerate(news):
        assert await jobs.front.blobs(new.id) == [b"%d" % number]
        assert await jobs.front.get(new.id) == made[number].record


async def test_a_caller_has_so_many_waiting(jobs: Jobs):
    first = [new_job(caller="a") for _ in range(3)]
    for new in first:
        await jobs.front.create(new)
    with pytest.raises(CallerFull):
        await jobs.front.create(new_job(caller="a"))
    assert not (await jobs.front.create(first[0])).fresh
    await jobs.front.create(new_job(caller="b"))
    await jobs.front.create(new_job())

    claim = jobs.workshop.claim(first[0].id, "w", 10)
    assert claim is not None
    await jobs.front.create(new_job(caller="a", lane="gpu"))
    jobs.workshop.give_up(claim.job_id, claim.fence, "w", ERROR)  # it waits again, and counts
    await jobs.front.request_cancel(first[1].id, "why")
    with pytest.raises(CallerFull):
        await jobs.front.create(new_job(caller="a", lane="gpu"))
    await jobs.front.discard(first[2].id)
    await jobs.front.create(new_job(caller="a", lane="gpu"))


async def test_a_lane_has_so_many_waiting(jobs: Jobs):
    made = [new_job(caller=str(number)) for number in range(5)]
    for new in made:
        await jobs.front.create(new)
    with pytest.raises(QueueFull):
        await jobs.front.create(new_job(caller="z"))
    await jobs.front.create(new_job(caller="z", lane="gpu"))
    assert (await jobs.front.create(new_job())).fresh  # our own
    for _ in range(2):
        new = made.pop()
        claim = jobs.workshop.claim(new.id, "w", 10)
        assert claim is not None
        assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED
    assert (await jobs.front.create(new_job(caller="z"))).fresh
