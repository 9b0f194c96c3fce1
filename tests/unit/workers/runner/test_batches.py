"""Jobs that waited together, run together: what becomes of one is its own affair."""

import asyncio
import threading

import pytest

from shared.errors import InputUnreadable, Lost, StoreUnavailable, WorkerLeaves
from shared.jobs import Cancelled, Completed, ErrorInfo, Failed
from shared.states import JobState
from tests.support.workshop import DONE, LEASE_S, LIMIT_S, PLACE, BatchHandler, Workshop

NAMES = [f"job-{number}" for number in range(8)]


@pytest.fixture
def many() -> BatchHandler:
    return BatchHandler()


@pytest.fixture
def runner(shop: Workshop, many: BatchHandler):
    return shop.new_runner(handler=many)


async def states(shop: Workshop) -> dict[str, JobState]:
    return {name: (await shop.job(name)).state for name in NAMES}


async def all_but(shop: Workshop, *odd: str) -> bool:
    """Whether every other job was done."""
    return all((name in odd) or state is JobState.COMPLETED for name, state in (await states(shop)).items())


async def test_one_call_answers_all_and_each_has_its_own_record(shop, runner, many):
    await shop.gather(*NAMES)
    runner.run_batch(PLACE)
    assert many.calls == [8]
    for name in NAMES:
        job = await shop.job(name)
        assert (job.state, job.outcome) == (JobState.COMPLETED, Completed(result=DONE))
        assert [(attempt.worker, attempt.error) for attempt in job.attempts] == [("worker-1", None)]
    assert runner.run_batch(PLACE) is None, "nothing waits there any more"


@pytest.mark.parametrize("broken", [[0], [7], [2, 3], [0, 3, 5], range(8)])
async def test_those_that_break_the_call_are_found_and_fail_alone(shop, runner, many, broken):
    bad = {NAMES[number] for number in broken}
    many.breaks = lambda context: context.job.id in bad
    await shop.gather(*NAMES, max_attempts=1)
    runner.run_batch(PLACE)
    assert await all_but(shop, *bad)
    for name in bad:
        job = await shop.job(name)
        assert isinstance(job.outcome, Failed)
        assert (job.outcome.error.code, "RuntimeError" in job.outcome.error.detail) == ("internal", True)
    assert len(many.calls) <= 4 * len(bad) * 2


async def test_an_input_that_cannot_be_read_fails_its_job_alone(shop, runner, many):
    def work(context):
        if context.job.id == NAMES[3]:
            raise InputUnreadable("input 0: not a number")
        return DONE

    many.work = work
    await shop.gather(*NAMES)
    runner.run_batch(PLACE)
    assert many.calls == [8]
    assert await all_but(shop, NAMES[3])
    job = await shop.job(NAMES[3])
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "input-unreadable"


async def test_what_may_be_repeated_waits_for_its_turn_again(shop, runner, many):
    def work(context):
        if context.job.id == NAMES[3]:
            raise StoreUnavailable("the models can't be fetched now")
        return DONE

    many.work = work
    await shop.gather(*NAMES)
    runner.run_batch(PLACE)
    assert await all_but(shop, NAMES[3])
    job = await shop.job(NAMES[3])
    assert (job.state, job.attempt) == (JobState.PENDING, 1)
    many.work = lambda _context: DONE
    shop.runner.run(NAMES[3])
    assert (await shop.job(NAMES[3])).state is JobState.COMPLETED


async def test_a_job_cancelled_in_the_middle_is_cancelled_alone(shop, runner, many):
    started, go = threading.Event(), threading.Event()

    def work(_context):
        started.set()
        assert go.wait(LIMIT_S)
        return DONE

    many.work = work
    await shop.gather(*NAMES)
    run = asyncio.create_task(asyncio.to_thread(runner.run_batch, PLACE))
    assert await asyncio.to_thread(started.wait, LIMIT_S)
    await shop.front.request_cancel(NAMES[5], "enough")
    shop.keeper.look()
    go.set()
    await run
    assert await all_but(shop, NAMES[5])
    assert (await shop.job(NAMES[5])).outcome == Cancelled(reason="enough")


async def test_a_job_over_its_time_fails_and_the_others_do_not(shop, runner, many):
    await shop.gather(*NAMES[:5])
    await shop.gather(NAMES[5], timeout_s=0.000_001)
    await shop.gather(*NAMES[6:])
    runner.run_batch(PLACE)
    assert await all_but(shop, NAMES[5])
    job = await shop.job(NAMES[5])
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "timeout"


async def test_a_job_that_was_taken_away_is_left_to_whoever_has_it(shop, runner, many):
    def work(context):
        if context.job.id == NAMES[2]:
            shop.store.give_up(NAMES[2], 1, "worker-1", ErrorInfo.of(Lost("the lease lapsed")))
        return DONE

    many.work = work
    await shop.gather(*NAMES)
    runner.run_batch(PLACE)
    assert await all_but(shop, NAMES[2])
    assert (await shop.job(NAMES[2])).state is JobState.PENDING


async def test_a_leaving_worker_hands_the_whole_batch_back_at_no_cost(shop, runner, many):
    started, leave = threading.Event(), threading.Event()

    def work(_context):
        started.set()
        assert leave.wait(LIMIT_S)
        return DONE

    many.work = work
    await shop.gather(*NAMES, max_attempts=1)
    run = asyncio.create_task(asyncio.to_thread(runner.run_batch, PLACE))
    assert await asyncio.to_thread(started.wait, LIMIT_S)
    runner.leave()
    leave.set()
    await run
    for name in NAMES:
        job = await shop.job(name)
        assert (job.state, job.attempt, len(job.attempts)) == (JobState.PENDING, 0, 1)
    shop.outbox.start()
    shop.outbox.stop()
    assert shop.queue.depth("io") == 8, "each by itself"
    with pytest.raises(WorkerLeaves):
        runner.run_batch(PLACE)


async def test_a_store_that_comes_back_gets_the_batch_and_its_ends(shop, runner):
    shop.store.away = {"claim_ready": 2, "settle_many": 2}
    await shop.gather(*NAMES)
    await asyncio.to_thread(runner.run_batch, PLACE)
    assert await all_but(shop)


async def test_ends_whose_answer_was_lost_are_not_told_twice(shop, runner):
    shop.store.deaf = {"settle_many": 1}
    await shop.gather(*NAMES)
    await asyncio.to_thread(runner.run_batch, PLACE)
    assert await all_but(shop)
    assert sum('"state":"COMPLETED"' in event for event in shop.bus.heard) == 8


async def test_a_handler_without_a_way_for_many_does_one_after_the_other(shop):
    done: list[str] = []

    def work(context):
        shop.clock.ahead_s += LEASE_S - 1
        shop.keeper.look()
        assert not context.should_stop()
        done.append(context.job.id)
        return DONE

    shop.handler.work = work
    await shop.gather(*NAMES)
    shop.runner.run_batch(PLACE)
    assert done == NAMES
    assert await all_but(shop)


async def test_a_job_that_waits_in_its_batch_and_is_cancelled_is_not_stuck(shop):
    def work(context):
        if context.job.id == NAMES[0]:
            asyncio.run(shop.front.request_cancel(NAMES[1], "enough"))
            shop.keeper.look()
            assert not shop.keeper.look()
        return DONE

    shop.keeper = shop.keeper.__class__(shop.store, LEASE_S, 5.0, grace_s=0)
    shop.runner = shop.new_runner()
    shop.handler.work = work
    await shop.gather(*NAMES)
    await asyncio.to_thread(shop.runner.run_batch, PLACE)
    assert await all_but(shop, NAMES[1])
    assert (await shop.job(NAMES[1])).state is JobState.CANCELLED
