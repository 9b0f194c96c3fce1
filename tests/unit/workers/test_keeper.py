import asyncio

import pytest

from shared.errors import JobCancelled, JobTimedOut, StaleClaim, WorkerLeaves
from shared.jobs import Cancelled, Completed, Failed
from shared.states import JobState
from tests.support.workshop import DONE, GRACE_S, LEASE_S, Workshop


class Hand:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


async def test_a_lease_that_is_kept_never_lapses(shop):
    await shop.submit()
    context = shop.context(shop.claim())
    with shop.keeper.watching(context):
        assert shop.keeper.busy == 1
        for _ in range(5):
            shop.clock.ahead_s += LEASE_S - 1
            shop.keeper.look()
        assert shop.store.lapsed() == []
    assert shop.keeper.busy == 0
    shop.keeper.look()
    shop.clock.ahead_s += LEASE_S + 1
    assert [lapsed.job_id for lapsed in shop.store.lapsed()] == ["job"]


async def test_a_store_that_was_away_is_asked_again_for_all(shop):
    await shop.submit("one")
    await shop.submit("two")
    one, two = shop.context(shop.claim("one")), shop.context(shop.claim("two"))
    shop.store.away = {"renew": 1}
    with shop.keeper.watching(one), shop.keeper.watching(two):
        shop.clock.ahead_s += LEASE_S - 1
        shop.keeper.look()
        shop.keeper.look()
        shop.clock.ahead_s += 2
        assert shop.store.lapsed() == []
        assert not one.should_stop()
        assert not two.should_stop()


async def test_a_lost_job_stops_its_attempt(shop):
    await shop.submit()
    context = shop.context(shop.claim())
    with shop.keeper.watching(context):
        shop.clock.ahead_s += LEASE_S + 1
        shop.upkeep.tend()
        shop.keeper.look()
    assert isinstance(context.stopped, StaleClaim)


async def test_progress_that_was_held_back_is_told_by_the_keeper(shop):
    hand = Hand()
    await shop.submit()
    context = shop.context(shop.claim(), clock=hand)
    context.progress(0.1, "first")
    context.progress(0.2, "second")
    assert (await shop.job()).progress.stage == "first"
    hand.now += 1
    with shop.keeper.watching(context):
        shop.keeper.look()
    assert (await shop.job()).progress.stage == "second"


async def test_a_cancelled_job_whose_work_does_not_stop_is_settled_without_it(shop):
    hand = Hand()
    await shop.submit()
    context = shop.context(shop.claim(), clock=hand)
    await shop.front.request_cancel("job", "enough")
    with shop.keeper.watching(context):
        shop.keeper.look()
        assert isinstance(context.stopped, JobCancelled)
        hand.now += GRACE_S - 0.1
        assert not shop.keeper.look()
        assert (await shop.job()).state is JobState.RUNNING
        hand.now += 0.2
        assert shop.keeper.look(), "only with its process can it be ended"
        assert shop.keeper.look()
    job = await shop.job()
    assert (job.state, job.outcome) == (JobState.CANCELLED, Cancelled(reason="enough"))


async def test_a_job_over_its_time_whose_work_does_not_stop_is_settled_without_it(shop):
    hand = Hand()
    await shop.submit(timeout_s=1)
    context = shop.context(shop.claim(), clock=hand)
    with shop.keeper.watching(context):
        hand.now += 2
        shop.keeper.look()
        assert isinstance(context.stopped, JobTimedOut)
        hand.now += GRACE_S
        assert shop.keeper.look()
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "timeout"


async def test_the_thread_keeps_leases_by_itself(shop):
    await shop.submit()
    context = shop.context(shop.claim())
    await shop.front.request_cancel("job", "enough")
    with shop.keeper.watching(context):
        shop.keeper.start(lambda: None)
        assert await asyncio.to_thread(shop.store.renewed.wait, 20)
        await asyncio.to_thread(shop.keeper.stop)
    assert isinstance(context.stopped, JobCancelled)


async def test_work_that_has_ended_is_not_stuck_though_its_end_is_not_told_yet(shop):
    hand = Hand()
    await shop.submit(timeout_s=1)
    context = shop.context(shop.claim(), clock=hand)
    with shop.keeper.watching(context):
        hand.now += 2
        shop.keeper.look()
        context.work_ended = True
        hand.now += GRACE_S + 1
        assert not shop.keeper.look()
    assert (await shop.job()).state is JobState.RUNNING


async def test_work_for_a_job_that_is_another_s_by_now_is_stuck_too(shop):
    hand = Hand()
    await shop.submit()
    context = shop.context(shop.claim(), clock=hand)
    with shop.keeper.watching(context):
        shop.clock.ahead_s += LEASE_S + 1
        shop.upkeep.tend()
        assert not shop.keeper.look()
        hand.now += GRACE_S
        assert shop.keeper.look()
    assert (await shop.job()).state is JobState.PENDING


async def test_what_still_runs_is_handed_back_at_no_cost(shop):
    for name in ("one", "two", "done"):
        await shop.submit(name)
    contexts = [shop.context(shop.claim(name)) for name in ("one", "two", "done")]
    shop.store.settle(contexts[2].claim, Completed(result=DONE))
    with shop.keeper.watching(contexts[0]), shop.keeper.watching(contexts[1]), shop.keeper.watching(contexts[2]):
        back = shop.keeper.hand_back(WorkerLeaves("it ends"))
    assert {job.id for job in back} == {"one", "two"}
    for name in ("one", "two"):
        job = await shop.job(name)
        assert (job.state, job.attempt, job.attempts[0].error.code) == (JobState.PENDING, 0, "worker-left")
    assert (await shop.job("done")).state is JobState.COMPLETED


async def test_a_store_that_is_away_keeps_nobody_from_handing_back_the_rest(shop):
    for name in ("one", "two"):
        await shop.submit(name)
    one, two = (shop.context(shop.claim(name)) for name in ("one", "two"))
    shop.store.away = {"give_up": 1}
    with shop.keeper.watching(one), shop.keeper.watching(two):
        assert len(shop.keeper.hand_back(WorkerLeaves())) == 1
