"""What a worker that is told to leave does with its jobs."""

import asyncio
import threading

import pytest

from shared.errors import (
    StoreUnavailable,
    WorkerLeaves,
)
from shared.states import JobState
from tests.support.workshop import DONE, LIMIT_S, raising


async def test_a_leaving_worker_gives_its_job_to_others_at_once(shop):
    started, leave = threading.Event(), threading.Event()

    def work(context):
        started.set()
        assert leave.wait(LIMIT_S)
        context.check()
        return DONE

    shop.handler.work = work
    await shop.submit()
    run = asyncio.create_task(asyncio.to_thread(shop.runner.run, "job"))
    assert await asyncio.to_thread(started.wait, LIMIT_S)
    shop.runner.leave()
    leave.set()
    await run
    job = await shop.job()
    assert job.attempts[0].error
    assert (job.state, job.attempts[0].error.code) == (JobState.PENDING, "worker-left")
    shop.outbox.start()
    shop.outbox.stop()
    assert shop.queue.depth("io") == 1, "sent on the way out, without a pause"


async def test_a_worker_that_left_begins_nothing(shop):
    await shop.submit()
    shop.runner.leave()
    with pytest.raises(WorkerLeaves):
        shop.runner.run("job")
    assert (await shop.job()).state is JobState.PENDING


async def test_a_worker_that_leaves_does_not_wait_for_the_store(shop):
    shop.store.away = {"claim": 1_000_000}
    await shop.submit()
    run = asyncio.create_task(asyncio.to_thread(shop.runner.run, "job"))
    shop.runner.leave()
    with pytest.raises((StoreUnavailable, WorkerLeaves)):
        await asyncio.wait_for(run, LIMIT_S)


async def test_an_attempt_that_a_leaving_worker_hands_back_costs_nothing(shop):
    shop.handler.work = raising(WorkerLeaves())
    await shop.submit(max_attempts=1)
    shop.runner.run("job")
    job = await shop.job()
    assert (job.state, job.attempt, len(job.attempts)) == (JobState.PENDING, 0, 1)
