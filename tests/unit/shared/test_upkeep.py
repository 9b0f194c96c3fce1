import pytest

from shared.errors import BrokerUnavailable, SourceUnavailable
from shared.jobs import ErrorInfo
from shared.states import JobState
from shared.upkeep import UNPUBLISHED_S, Upkeep, backoff_s
from tests.support.workshop import LEASE_S, RESEND_S, Workshop


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


def upkeep_of(shop, **settings):
    return Upkeep(shop.store, shop.queue, **{"resend_s": RESEND_S, "retry_base_s": 0.01, **settings})


async def lapse(shop):
    shop.claim(worker="dead-worker")
    shop.clock.ahead_s += LEASE_S + 1


async def test_the_job_of_a_dead_worker_is_sent_again_at_once_with_its_priority(shop):
    await shop.submit(priority=7)
    await lapse(shop)
    shop.upkeep.tend()
    job = await shop.job()
    assert job.attempts[0].error
    assert (job.state, job.attempt, job.attempts[0].error.code) == (JobState.PENDING, 1, "lost")
    assert job.attempts[0].error.retryable
    assert "dead-worker" in job.attempts[0].error.detail
    message = shop.queue.take("io")
    assert message is not None
    assert (message.task, message.job_id, message.rank) == ("framelane.model_download", "job", -7)
    shop.upkeep.tend()
    assert shop.queue.depth("io") == 0, "sent is sent"


async def test_a_job_whose_workers_all_die_is_poison(shop):
    await shop.submit(max_attempts=2)
    for _ in range(2):
        await lapse(shop)
        shop.upkeep.tend()
    job = await shop.job()
    assert (job.state, [attempt.error.code for attempt in job.attempts]) == (JobState.FAILED, ["lost", "lost"])
    assert job.outcome
    assert (job.outcome.error.code, job.outcome.error.retryable) == ("poison", False)
    assert job.outcome.error.title == "Its attempts were lost with their workers"
    assert shop.queue.depth("io") == 1


async def test_a_cancelled_job_of_a_dead_worker_is_cancelled(shop):
    await shop.submit()
    shop.claim()
    await shop.front.request_cancel("job", "enough")
    shop.clock.ahead_s += LEASE_S + 1
    shop.upkeep.tend()
    assert (await shop.job()).state is JobState.CANCELLED
    assert shop.queue.depth("io") == 0


async def test_of_two_reapers_one_takes_the_job(shop):
    await shop.submit()
    await lapse(shop)
    lapsed = shop.store.lapsed()
    shop.upkeep.tend()
    assert [shop.upkeep._take(one, "late") for one in lapsed] == [False]
    assert (await shop.job()).attempt == 1


async def test_what_its_gateway_did_not_send_is_sent_when_it_had_time_enough(shop):
    await shop.submit(published=False)
    shop.upkeep.tend()
    assert shop.queue.depth("io") == 0
    shop.clock.ahead_s += UNPUBLISHED_S + 1
    shop.upkeep.tend()
    assert shop.queue.depth("io") == 1


async def test_a_broker_that_is_away_leaves_the_job_for_the_next_round(shop):
    await shop.submit(published=False)
    shop.clock.ahead_s += UNPUBLISHED_S + 1
    shop.queue.down = True
    with pytest.raises(BrokerUnavailable):
        shop.upkeep.tend()
    shop.queue.down = False
    shop.upkeep.tend()
    assert shop.queue.depth("io") == 1


async def test_a_back_off_that_is_longer_than_the_reaper_s_patience_is_kept(shop):
    patient, hasty = (upkeep_of(shop, retry_base_s=each) for each in (60.0, 0.000_001))
    await shop.submit()
    claim = shop.claim()
    error = ErrorInfo.of(SourceUnavailable())
    shop.store.give_up("job", claim.fence, "worker-0", error)
    shop.clock.ahead_s += UNPUBLISHED_S + 1
    assert backoff_s("job", 0, 60.0) > UNPUBLISHED_S + 1
    patient.tend()
    assert shop.queue.depth("io") == 0
    hasty.tend()
    assert shop.queue.depth("io") == 1
