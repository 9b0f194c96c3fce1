"""Sweep jobs are made when it is time, by one of many workers, and travel like any other job."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_jobs import RedisJobStore
from shared.errors import StoreUnavailable
from shared.ports import JobQuery
from shared.settings import BrokerSettings, Settings
from shared.states import JobState
from tests.support.polling import soon
from tests.support.rigs import Jobs, redis_jobs
from workers.sweeps import Sweeps

pytestmark = pytest.mark.service


@pytest.fixture
async def jobs(settings: Settings) -> AsyncIterator[Jobs]:
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


def sweeps(jobs: Jobs, settings: Settings, every_s: float = 3_600.0, front=None) -> Sweeps:
    return Sweeps(jobs.workshop, CeleryJobQueue(settings), front or (lambda: RedisJobStore(settings)), every_s)


def steps(given: Sweeps, count: int) -> None:
    """On a thread without an event loop, as in a worker."""
    with ThreadPoolExecutor(1) as pool:
        for _ in range(count):
            pool.submit(given.step).result()


async def made(jobs: Jobs):
    return (await jobs.front.find(JobQuery(kind="sweep"))).jobs


async def test_one_of_many_makes_one_per_period(jobs: Jobs, settings: Settings):
    workers = [sweeps(jobs, settings) for _ in range(4)]
    for _ in range(3):
        for worker in workers:
            steps(worker, 1)

    (record,) = await made(jobs)
    assert (record.state, record.lane, record.spec.expires_s) == (JobState.PENDING, "io", 3_600.0)
    assert jobs.workshop.unpublished(0.0) == []
    assert CeleryJobQueue(settings).depth("io") == 1


async def test_the_first_step_rests_and_the_next_period_brings_the_next_sweep(jobs: Jobs, settings: Settings):
    worker = sweeps(jobs, settings, every_s=0.2)
    steps(worker, 1)
    assert await made(jobs) == []

    async def two():
        steps(worker, 1)
        return len(await made(jobs)) >= 2

    await soon(two)


async def test_a_turn_is_not_lost_when_the_store_does_not_answer(jobs: Jobs, settings: Settings):
    """Nor is there a second job when only its answer was lost."""
    tries = 0

    class Deaf(RedisJobStore):
        async def create(self, new):
            nonlocal tries
            tries += 1
            if tries == 1:
                raise StoreUnavailable("it is away")
            created = await super().create(new)
            if tries == 2:
                raise StoreUnavailable("the answer was lost")
            return created

    worker = sweeps(jobs, settings, front=lambda: Deaf(settings))
    steps(worker, 1)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            steps(worker, 1)
    steps(worker, 2)
    assert tries == 3
    assert len(await made(jobs)) == 1


async def test_with_a_broker_elsewhere_it_waits_to_be_sent(jobs: Jobs, settings: Settings):
    apart = settings.model_copy(update={"broker": BrokerSettings(url="redis://127.0.0.1:1/0")})
    worker = Sweeps(jobs.workshop, CeleryJobQueue(apart), lambda: RedisJobStore(apart), 60.0)
    steps(worker, 2)
    (record,) = await made(jobs)
    assert [each.id for each in jobs.workshop.unpublished(0.0)] == [record.id]
