import pytest

from shared.errors import BrokerUnavailable, SourceUnavailable
from shared.jobs import ErrorInfo, Failed
from shared.states import JobState
from shared.upkeep import ALONE, UNPUBLISHED_S, Upkeep, backoff_s, is_suspect
from tests.support.workshop import LEASE_S, RESEND_S, Workshop


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


def upkeep_of(shop, **settings):
    return Upkeep(shop.store, shop.queue, **{"resend_s": RESEND_S, "retry_base_s": 0.01, **settings})


async def lapse(shop, job_id="job"):
    shop.claim(job_id, worker="dead-worker")
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


async def test_the_jobs_of_a_dead_worker_are_taken_whatever_their_leases_with_the_cause(shop):
    for name in ("one", "two", "other"):
        await shop.submit(name)
    for name in ("one", "two"):
        shop.claim(name, worker="dead-worker")
    shop.claim("other", worker="live-worker")
    assert set(shop.upkeep.bury("dead-worker", "killed by SIGSEGV")) == {"one", "two"}
    for name in ("one", "two"):
        job = await shop.job(name)
        assert (job.state, [one.error.detail for one in job.attempts]) == (JobState.PENDING, ["killed by SIGSEGV"])
    assert (await shop.job("other")).state is JobState.RUNNING
    assert shop.queue.depth("io") == 2
    assert shop.upkeep.bury("dead-worker", "killed by SIGSEGV") == []


@pytest.mark.parametrize(("max_attempts", "alone"), [(2, True), (3, False)])
async def test_the_last_attempt_of_a_job_whose_workers_died_is_sent_to_run_alone(shop, max_attempts, alone):
    await shop.submit(max_attempts=max_attempts)
    await lapse(shop)
    shop.upkeep.tend()
    message = shop.queue.take("io")
    assert message is not None
    assert (ALONE in message.headers) is alone
    assert is_suspect(await shop.job()) is alone


async def test_the_message_of_a_job_that_failed_by_itself_says_no_such_thing(shop):
    await shop.submit()
    claim = shop.claim()
    shop.store.give_up("job", claim.fence, "worker-0", ErrorInfo.of(SourceUnavailable()))
    shop.clock.ahead_s += UNPUBLISHED_S + 1
    upkeep_of(shop, retry_base_s=0.000_001).tend()
    message = shop.queue.take("io")
    assert message is not None
    assert ALONE not in message.headers


async def test_a_job_that_was_not_started_in_time_ends_though_no_worker_lives(shop):
    await shop.submit(expires_s=5)
    shop.clock.ahead_s += 6
    shop.upkeep.tend()
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "expired"


async def test_a_message_that_is_nowhere_is_sent_again_when_its_time_has_come(shop):
    await shop.submit()
    shop.upkeep.tend()
    assert shop.queue.depth("io") == 0
    shop.clock.ahead_s += RESEND_S + 1
    shop.upkeep.tend()
    shop.clock.ahead_s += UNPUBLISHED_S + 0.1
    shop.upkeep.tend()
    assert shop.queue.depth("io") == 1
    shop.clock.ahead_s += 3600
    shop.upkeep.tend()
    assert shop.queue.depth("io") == 1, "the queue has a message: it is only long"


async def test_one_of_many_processes_makes_a_round(shop):
    await shop.submit()
    await lapse(shop)
    many = [upkeep_of(shop) for _ in range(3)]
    assert shop.store.take_turn("upkeep", 1.0)
    for each in many:
        each.round()
    assert (await shop.job()).state is JobState.RUNNING
    shop.clock.ahead_s += 1.1
    for each in many:
        each.round()
    assert (await shop.job()).state is JobState.PENDING


async def test_a_step_that_fails_does_not_keep_the_others_from_theirs(shop):
    await shop.submit("late")
    await lapse(shop, "late")
    await shop.submit("stale", expires_s=1)
    shop.clock.ahead_s += 2
    shop.queue.down = True
    with pytest.raises(BrokerUnavailable):
        shop.upkeep.tend()
    assert (await shop.job("late")).state is JobState.PENDING
    assert (await shop.job("stale")).state is JobState.FAILED
