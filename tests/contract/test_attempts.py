"""What every job store promises the workshop."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from shared.errors import IllegalTransition, StaleClaim
from shared.events import JOB_EVENT, StateChanged
from shared.jobs import ArtifactRef, Cancelled, ErrorInfo, Failed, Progress
from shared.ports import Claim, NewJob
from shared.states import TERMINAL, JobState
from tests.support.jobs import BLOB, ERROR, completed, new_job
from tests.support.rigs import Jobs

ARTIFACT = ArtifactRef(name="a.jpg", size=3, sha256="0" * 64, media_type="image/jpeg")


async def running(jobs: Jobs, new: NewJob | None = None, lease_s: float = 10) -> Claim:
    new = new or new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "host:1", lease_s)
    assert claim is not None
    return claim


async def test_a_claim_brings_all_an_attempt_needs(jobs: Jobs):
    claim = await running(jobs)

    assert (claim.fence, claim.worker, claim.blobs) == (1, "host:1", [BLOB])
    assert claim.job == await jobs.front.get(claim.job_id)
    assert claim.job.state is JobState.RUNNING
    assert claim.job.progress == Progress(stage="starting")
    assert claim.job.started_at is not None
    assert claim.job.queue_wait_ms is not None
    assert claim.job.queue_wait_ms >= 0
    assert claim.job.run_ms is None


async def test_there_is_nothing_to_claim_twice_or_without_a_job(jobs: Jobs):
    claim = await running(jobs)
    assert jobs.workshop.claim(claim.job_id, "other", 10) is None
    assert jobs.workshop.claim("nobody", "other", 10) is None
    jobs.workshop.settle(claim, completed())
    assert jobs.workshop.claim(claim.job_id, "other", 10) is None


async def test_an_attempt_whose_lease_lapsed_keeps_its_claim_until_somebody_gives_it_up(jobs: Jobs):
    claim = await running(jobs, lease_s=0)
    assert jobs.workshop.claim(claim.job_id, "other", 10) is None
    assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED


async def test_of_many_who_claim_one_wins(jobs: Jobs):
    ids = [(await jobs.front.create(new_job())).record.id for _ in range(20)]
    workers = 8
    start = threading.Barrier(workers)

    def grab(number: int) -> list[Claim]:
        start.wait()
        claims = [jobs.workshop.claim(job_id, f"w{number}", 10) for job_id in ids]
        return [claim for claim in claims if claim is not None]

    with ThreadPoolExecutor(workers) as pool:
        won = [claim for claims in pool.map(grab, range(workers)) for claim in claims]

    assert sorted(claim.job_id for claim in won) == sorted(ids)
    for claim in won:
        assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED


async def test_a_job_that_expired_fails_instead_of_starting(jobs: Jobs):
    new = new_job(expires_s=0.000_001)
    await jobs.front.create(new)

    assert jobs.workshop.claim(new.id, "w", 10) is None

    record = await jobs.front.get(new.id)
    assert record.state is JobState.FAILED
    assert isinstance(record.outcome, Failed)
    assert record.outcome.error.code == "expired"
    assert record.attempts == []
    assert (await jobs.front.backlog())["cpu"].depth == 0


async def test_a_job_that_started_in_time_does_not_expire_on_its_second_attempt(jobs: Jobs):
    new = new_job(expires_s=0.2)
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    jobs.workshop.give_up(new.id, claim.fence, "w", ERROR)
    created = claim.job.created_at

    # The store's clock is only read through the store: ask until it says the deadline is over.
    for number in range(10_000):
        other = new_job(fingerprint=str(number), blobs=())
        if ((await jobs.front.create(other)).record.created_at - created).total_seconds() > 0.2:
            break

    assert jobs.workshop.claim(new.id, "w", 10) is not None


async def test_settling_keeps_the_result(jobs: Jobs):
    claim = await running(jobs)

    assert jobs.workshop.settle(claim, completed(), [ARTIFACT]) is JobState.COMPLETED

    record = await jobs.front.get(claim.job_id)
    assert record.outcome == completed()
    assert record.artifacts == [ARTIFACT]
    assert record.progress == Progress(fraction=1.0, stage="done")
    assert (record.attempt, record.fence) == (0, 1)
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.finished_at >= record.started_at
    assert record.run_ms == pytest.approx((record.finished_at - record.started_at).total_seconds() * 1000)
    (attempt,) = record.attempts
    assert (attempt.number, attempt.worker, attempt.device, attempt.error) == (0, "host:1", "CPU", None)
    assert (attempt.started_at, attempt.finished_at) == (record.started_at, record.finished_at)
    assert jobs.workshop.lapsed() == []


async def test_a_failure_keeps_its_progress_and_its_error_in_the_history(jobs: Jobs):
    claim = await running(jobs, new_job(lane="gpu.1"))
    jobs.workshop.report(claim, Progress(fraction=0.25, stage="model", message="3 of 12"))

    assert jobs.workshop.settle(claim, Failed(error=ERROR)) is JobState.FAILED

    record = await jobs.front.get(claim.job_id)
    assert record.outcome == Failed(error=ERROR)
    assert record.progress == Progress(fraction=0.25, stage="model", message="3 of 12")
    assert [(attempt.device, attempt.error) for attempt in record.attempts] == [("GPU.1", ERROR)]


async def test_a_worker_may_settle_as_cancelled(jobs: Jobs):
    claim = await running(jobs)
    assert jobs.workshop.settle(claim, Cancelled(reason="asked to")) is JobState.CANCELLED
    assert (await jobs.front.get(claim.job_id)).attempts[0].error is None


async def test_renew_and_report_tell_of_the_wish_to_stop(jobs: Jobs):
    claim = await running(jobs)
    assert jobs.workshop.renew(claim, 10) is False
    assert jobs.workshop.report(claim, Progress()) is False

    await jobs.front.request_cancel(claim.job_id, "why")

    assert jobs.workshop.renew(claim, 10) is True
    assert jobs.workshop.report(claim, Progress()) is True


async def test_work_that_ends_well_after_all_is_completed(jobs: Jobs):
    claim = await running(jobs)
    await jobs.front.request_cancel(claim.job_id, "why")
    assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED
    assert (await jobs.front.get(claim.job_id)).cancel_requested


async def test_an_outdated_claim_changes_nothing(jobs: Jobs):
    old = await running(jobs)
    jobs.workshop.give_up(old.job_id, old.fence, old.worker, ERROR)
    new = jobs.workshop.claim(old.job_id, "host:2", 10)
    assert new is not None
    assert new.fence > old.fence
    before = await jobs.front.get(old.job_id)
    events = await jobs.front.events(old.job_id, 0)

    for call in (
        lambda: jobs.workshop.renew(old, 10),
        lambda: jobs.workshop.report(old, Progress(fraction=0.5)),
        lambda: jobs.workshop.settle(old, completed()),
        lambda: jobs.workshop.give_up(old.job_id, old.fence, old.worker, ERROR),
    ):
        with pytest.raises(StaleClaim):
            call()

    assert await jobs.front.get(old.job_id) == before
    assert await jobs.front.events(old.job_id, 0) == events
    assert jobs.workshop.settle(new, completed()) is JobState.COMPLETED


@pytest.mark.parametrize("end", ["waits", "ended", "deleted"])
async def test_a_claim_is_outdated_once_the_job_moved_on(jobs: Jobs, end: str):
    claim = await running(jobs)
    if end == "waits":
        jobs.workshop.give_up(claim.job_id, claim.fence, claim.worker, ERROR)
    else:
        jobs.workshop.settle(claim, completed())
    if end == "deleted":
        await jobs.front.delete(claim.job_id)

    with pytest.raises(StaleClaim):
        jobs.workshop.settle(claim, completed())
    with pytest.raises(StaleClaim):
        jobs.workshop.renew(claim, 10)


async def test_a_lost_attempt_goes_back_to_its_lane(jobs: Jobs):
    claim = await running(jobs)
    await jobs.front.published(claim.job_id)
    jobs.workshop.report(claim, Progress(fraction=0.5, stage="model"))

    assert jobs.workshop.give_up(claim.job_id, claim.fence, "host:1", ERROR) is JobState.PENDING

    record = await jobs.front.get(claim.job_id)
    assert (record.state, record.attempt, record.outcome, record.finished_at) == (JobState.PENDING, 1, None, None)
    assert record.progress == Progress()
    assert [(each.number, each.error) for each in record.attempts] == [(0, ERROR)]
    assert jobs.workshop.unpublished(0) == [record]
    assert jobs.workshop.lapsed() == []

    again = jobs.workshop.claim(claim.job_id, "host:2", 10)
    assert again is not None
    assert (again.fence, again.job.attempt, again.blobs) == (2, 1, [BLOB])
    jobs.workshop.settle(again, completed())
    assert [each.number for each in (await jobs.front.get(claim.job_id)).attempts] == [0, 1]


@pytest.mark.parametrize("most", [1, 3])
async def test_the_last_attempt_fails_with_its_error(jobs: Jobs, most: int):
    new = new_job(max_attempts=most)
    await jobs.front.create(new)

    states = []
    for _ in range(most):
        claim = jobs.workshop.claim(new.id, "w", 10)
        assert claim is not None
        states.append(jobs.workshop.give_up(new.id, claim.fence, "w", ERROR))

    assert states == [JobState.PENDING] * (most - 1) + [JobState.FAILED]
    record = await jobs.front.get(new.id)
    assert record.outcome == Failed(error=ERROR)
    assert [each.number for each in record.attempts] == list(range(most))
    assert jobs.workshop.unpublished(0) == []


async def test_a_final_error_is_the_job_s_when_no_attempt_is_left(jobs: Jobs):
    final = ErrorInfo(code="poison", title="No more", detail='after "all"')
    new = new_job(max_attempts=2)
    await jobs.front.create(new)

    for expected in (JobState.PENDING, JobState.FAILED):
        claim = jobs.workshop.claim(new.id, "w", 10)
        assert claim is not None
        assert jobs.workshop.give_up(new.id, claim.fence, "w", ERROR, final=final) is expected

    record = await jobs.front.get(new.id)
    assert record.outcome == Failed(error=final)
    assert [each.error for each in record.attempts] == [ERROR, ERROR]


async def test_a_lost_attempt_of_a_job_asked_to_stop_is_cancelled(jobs: Jobs):
    claim = await running(jobs)
    await jobs.front.request_cancel(claim.job_id, 'the "first" reason')
    await jobs.front.request_cancel(claim.job_id, "the second")

    assert jobs.workshop.give_up(claim.job_id, claim.fence, "w", ERROR) is JobState.CANCELLED

    record = await jobs.front.get(claim.job_id)
    assert record.outcome == Cancelled(reason='the "first" reason')
    assert [each.error for each in record.attempts] == [ERROR]


async def test_cancel_and_settle_at_once_end_in_one_state(jobs: Jobs):
    claims = [await running(jobs) for _ in range(25)]

    async def cancel(claim: Claim) -> None:
        with suppress(IllegalTransition):  # too late
            await jobs.front.request_cancel(claim.job_id, "why")

    await asyncio.gather(
        *(cancel(claim) for claim in claims),
        *(asyncio.to_thread(jobs.workshop.settle, claim, completed()) for claim in claims),
    )

    for claim in claims:
        record = await jobs.front.get(claim.job_id)
        assert record.state is JobState.COMPLETED
        ends = [each for each in await _events(jobs, claim.job_id) if each.state in TERMINAL]
        assert [each.state for each in ends] == [record.state]


async def test_cancel_and_claim_at_once_agree(jobs: Jobs):
    ids = [(await jobs.front.create(new_job())).record.id for _ in range(25)]

    cancelled, claimed = (
        await asyncio.gather(*(jobs.front.request_cancel(job_id, "why") for job_id in ids)),
        await asyncio.gather(*(asyncio.to_thread(jobs.workshop.claim, job_id, "w", 10) for job_id in ids)),
    )

    for record, claim in zip(cancelled, claimed, strict=True):
        assert (record.state is JobState.CANCELLED) == (claim is None)


async def test_lapsed_leases_the_longest_ago_first(jobs: Jobs):
    alive = await running(jobs)
    late = [await running(jobs, lease_s=0) for _ in range(3)]

    assert [each.job_id for each in jobs.workshop.lapsed()] == [claim.job_id for claim in late]
    assert [(each.fence, each.worker) for each in jobs.workshop.lapsed(limit=1)] == [(1, "host:1")]

    jobs.workshop.renew(late[0], 10)
    jobs.workshop.settle(late[1], completed())
    assert [each.job_id for each in jobs.workshop.lapsed()] == [late[2].job_id]
    jobs.workshop.give_up(late[2].job_id, late[2].fence, "reaper", ERROR)
    assert jobs.workshop.lapsed() == []
    jobs.workshop.settle(alive, completed())


async def test_unpublished_jobs_the_longest_ago_first(jobs: Jobs):
    news = [new_job() for _ in range(3)]
    for new in news:
        await jobs.front.create(new)
    assert jobs.workshop.unpublished(60) == []
    assert [record.id for record in jobs.workshop.unpublished(0, limit=2)] == [news[0].id, news[1].id]

    await jobs.front.published(news[0].id)
    jobs.workshop.published(news[1].id)

    assert jobs.workshop.unpublished(0) == [await jobs.front.get(news[2].id)]
    jobs.workshop.claim(news[2].id, "w", 10)
    assert jobs.workshop.unpublished(0) == []


async def test_only_the_message_of_the_attempt_that_waits_counts_as_published(jobs: Jobs):
    claim = await running(jobs)
    jobs.workshop.give_up(claim.job_id, claim.fence, "w", ERROR)
    waits = await jobs.front.get(claim.job_id)

    await jobs.front.published(claim.job_id)
    jobs.workshop.published(claim.job_id, claim.fence - 1)
    assert jobs.workshop.unpublished(0) == [waits]

    jobs.workshop.published(claim.job_id, waits.fence)
    assert jobs.workshop.unpublished(0) == []


async def _events(jobs: Jobs, job_id: str) -> list[StateChanged]:
    events = [JOB_EVENT.validate_json(each) for each in await jobs.front.events(job_id, 0)]
    return [each for each in events if isinstance(each, StateChanged)]
