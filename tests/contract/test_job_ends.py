"""What a job store does about jobs that end without being settled, and with those that have ended."""

import asyncio

import pytest

from shared.errors import InvalidSpec, JobNotFound, StaleClaim
from shared.jobs import Cancelled, ErrorInfo, Failed, Progress
from shared.settings import CallbackSettings, JobSettings
from shared.states import JobState
from tests.support.jobs import BLOB, ERROR, completed, new_job
from tests.support.rigs import Jobs

RETENTION_S = JobSettings().retention_s


async def created(jobs: Jobs, **fields) -> str:
    new = new_job(**fields)
    await jobs.front.create(new)
    return new.id


async def cancelled(jobs: Jobs, **fields) -> str:
    job_id = await created(jobs, **fields)
    await jobs.front.request_cancel(job_id, "why")
    return job_id


async def killed(jobs: Jobs, **fields) -> str:
    """A job whose last attempt was lost."""
    job_id = await created(jobs, max_attempts=1, **fields)
    claim = jobs.workshop.claim(job_id, "w", 10)
    assert claim is not None
    assert jobs.workshop.give_up(job_id, claim.fence, "w", ERROR) is JobState.FAILED
    return job_id


async def test_jobs_that_were_never_started_expire(jobs: Jobs):
    late, later, never = [await created(jobs, expires_s=limit) for limit in (5, 8, None)]
    assert jobs.workshop.expire() == []
    jobs.advance(6)
    assert jobs.workshop.expire() == [late]
    jobs.advance(1_000)
    assert jobs.workshop.expire() == [later]
    assert jobs.workshop.expire() == []

    record = await jobs.front.get(late)
    assert isinstance(record.outcome, Failed)
    assert (record.state, record.outcome.error.code, record.attempts) == (JobState.FAILED, "expired", [])
    assert record.finished_at is not None
    assert (await jobs.front.events(late, 1))[0].count('"code":"expired"') == 1
    assert [each.id for each in jobs.workshop.unpublished(0)] == [never]
    assert (await jobs.front.dead(10)).jobs == [], "nothing is wrong with them"
    assert (await jobs.front.backlog())["cpu"].depth == 1


@pytest.mark.parametrize("step", ["runs", "given back", "handed back", "cancelled"])
async def test_a_job_that_was_started_or_ended_does_not_expire(jobs: Jobs, step: str):
    job_id = await created(jobs, expires_s=5)
    if step == "cancelled":
        await jobs.front.request_cancel(job_id, "why")
    else:
        claim = jobs.workshop.claim(job_id, "w", 10)
        assert claim is not None
        if step != "runs":
            jobs.workshop.give_up(job_id, claim.fence, "w", ERROR, costs=step == "given back")
    jobs.advance(6)
    assert jobs.workshop.expire() == []


async def test_no_more_expire_at_once_than_asked_for(jobs: Jobs):
    for _ in range(5):
        await created(jobs, expires_s=1)
    jobs.advance(2)
    assert [len(jobs.workshop.expire(limit=2)) for _ in range(4)] == [2, 2, 1, 0]


async def test_an_attempt_that_is_handed_back_costs_nothing(jobs: Jobs):
    job_id = await created(jobs, max_attempts=1)
    for fence in range(1, 5):
        claim = jobs.workshop.claim(job_id, f"w{fence}", 10)
        assert claim is not None
        assert (claim.fence, claim.job.attempt) == (fence, 0)
        assert jobs.workshop.give_up(job_id, fence, f"w{fence}", ERROR, costs=False) is JobState.PENDING

    record = await jobs.front.get(job_id)
    assert (record.attempt, record.fence, record.progress) == (0, 4, Progress())
    assert [(each.number, each.worker, each.error) for each in record.attempts] == [
        (0, f"w{fence}", ERROR) for fence in range(1, 5)
    ]
    assert jobs.workshop.unpublished(0) == [record]
    with pytest.raises(StaleClaim):
        jobs.workshop.give_up(job_id, 3, "w3", ERROR, costs=False)


async def test_handing_back_a_job_asked_to_stop_cancels_it(jobs: Jobs):
    job_id = await created(jobs)
    claim = jobs.workshop.claim(job_id, "w", 10)
    assert claim is not None
    await jobs.front.request_cancel(job_id, "why")
    assert jobs.workshop.give_up(job_id, 1, "w", ERROR, costs=False) is JobState.CANCELLED
    assert (await jobs.front.get(job_id)).outcome == Cancelled(reason="why")


async def test_what_a_worker_holds(jobs: Jobs):
    mine = [await created(jobs) for _ in range(3)]
    other = await created(jobs)
    for job_id, lease_s in zip(mine, (1_000, 0, 10), strict=True):
        jobs.workshop.claim(job_id, "me", lease_s)
    jobs.workshop.claim(other, "me too", 10)

    held = jobs.workshop.held_by("me")
    assert [(each.job_id, each.fence, each.worker) for each in held] == [
        (job_id, 1, "me") for job_id in (mine[1], mine[2], mine[0])
    ]
    jobs.workshop.give_up(mine[0], 1, "me", ERROR)
    assert [each.job_id for each in jobs.workshop.held_by("me")] == [mine[1], mine[2]]
    assert jobs.workshop.held_by("nobody") == []


async def test_the_dead_are_those_without_an_attempt_left(jobs: Jobs):
    final = ErrorInfo(code="poison", title="No more", detail="x")
    first = await killed(jobs)
    failed = await created(jobs)
    claim = jobs.workshop.claim(failed, "w", 10)
    assert claim is not None
    jobs.workshop.settle(claim, Failed(error=ERROR))
    await cancelled(jobs)
    second = await created(jobs, max_attempts=2)
    for _ in range(2):
        claim = jobs.workshop.claim(second, "w", 10)
        assert claim is not None
        jobs.workshop.give_up(second, claim.fence, "w", ERROR, final=final)

    page = await jobs.front.dead(10)

    assert page.jobs == [await jobs.front.get(second), await jobs.front.get(first)]
    assert page.next_cursor is None


async def test_the_dead_come_in_pages(jobs: Jobs):
    ids = [await killed(jobs) for _ in range(5)]
    first = await jobs.front.dead(2)
    await killed(jobs)
    second = await jobs.front.dead(2, first.next_cursor)
    third = await jobs.front.dead(2, second.next_cursor)
    assert [job.id for page in (first, second, third) for job in page.jobs] == ids[::-1]
    assert third.next_cursor is None
    with pytest.raises(InvalidSpec):
        await jobs.front.dead(2, "not ours")


async def test_the_dead_keep_their_inputs(jobs: Jobs):
    job_id = await killed(jobs)
    jobs.age_inputs(job_id)
    assert await jobs.front.blobs(job_id) == [BLOB]


@pytest.mark.parametrize("how", ["revived", "deleted", "removed"])
async def test_the_dead_can_leave(jobs: Jobs, how: str):
    job_id, other = await killed(jobs), await killed(jobs)
    match how:
        case "revived":
            await jobs.front.revived(job_id)
            await jobs.front.revived(job_id)
            await jobs.front.revived("nobody")
            assert (await jobs.front.get(job_id)).state is JobState.FAILED
        case "deleted":
            await jobs.front.delete(job_id)
        case _:
            assert jobs.workshop.remove(job_id)
    assert [job.id for job in (await jobs.front.dead(10)).jobs] == [other]


async def test_ended_jobs_are_kept_for_their_time(jobs: Jobs):
    short = await cancelled(jobs, retention_s=100)
    default = await cancelled(jobs)
    long = await cancelled(jobs, retention_s=2 * RETENTION_S)
    await created(jobs, retention_s=1)
    jobs.advance(99)
    assert jobs.workshop.outlived() == []
    jobs.advance(2)
    assert jobs.workshop.outlived() == [short]
    jobs.advance(RETENTION_S)
    assert jobs.workshop.outlived() == [short, default]
    assert jobs.workshop.outlived(limit=1) == [short]

    assert jobs.workshop.remove(short)

    assert jobs.workshop.outlived() == [default]
    jobs.advance(RETENTION_S)
    assert jobs.workshop.outlived() == [default, long]


@pytest.mark.parametrize("error", [None, "410"])
async def test_a_job_that_still_has_to_call_back_is_kept(jobs: Jobs, error: str | None):
    job_id = await cancelled(jobs, retention_s=10, callback_url="https://example.com/")
    jobs.advance(CallbackSettings().patience_s - 10)
    assert jobs.workshop.outlived() == []
    jobs.workshop.callback_tried(job_id, "not yet", 5)
    assert jobs.workshop.outlived() == []

    jobs.workshop.callback_tried(job_id, error, None)

    assert jobs.workshop.outlived() == [job_id]


async def test_a_job_that_never_calls_back_is_not_kept_for_ever(jobs: Jobs):
    job_id = await cancelled(jobs, retention_s=10, callback_url="https://example.com/")
    jobs.advance(CallbackSettings().patience_s + 1)
    assert jobs.workshop.outlived() == [job_id]


async def test_only_ended_jobs_are_removed(jobs: Jobs):
    job_id = await created(jobs, idempotency_key="k")
    assert not jobs.workshop.remove(job_id)
    claim = jobs.workshop.claim(job_id, "w", 10)
    assert claim is not None
    assert not jobs.workshop.remove(job_id)
    jobs.workshop.settle(claim, completed())

    assert jobs.workshop.remove(job_id)

    assert not jobs.workshop.remove(job_id)
    with pytest.raises(JobNotFound):
        await jobs.front.blobs(job_id)
    assert await jobs.front.events(job_id, 0) == []
    assert (await jobs.front.create(new_job(idempotency_key="k", fingerprint="two"))).fresh


async def test_holdings_tell_whose_artifacts_count(jobs: Jobs):
    new, once, twice = [await created(jobs) for _ in range(3)]
    for job_id in (once, twice, twice):
        claim = jobs.workshop.claim(job_id, "w", 10)
        assert claim is not None
        jobs.workshop.give_up(job_id, claim.fence, "w", ERROR)
    assert jobs.workshop.holdings([twice, "nobody", new, once]) == {new: 0, once: 1, twice: 2}
    assert jobs.workshop.holdings([]) == {}


async def test_the_newest_event_of_many_jobs(jobs: Jobs):
    first, second = await created(jobs), await cancelled(jobs)
    assert await jobs.front.seqs([first, "nobody", second]) == {first: 1, second: 2}
    assert await jobs.front.seqs([]) == {}


async def test_records_have_one_name_for_all_who_ask(jobs: Jobs):
    names = set(await asyncio.gather(*(jobs.front.identity() for _ in range(10))))
    assert len(names) == 1
    await created(jobs)
    assert await jobs.front.identity() in names


async def test_one_caller_has_its_turn(jobs: Jobs):
    def take(what: str, period_s: float) -> bool:
        return jobs.workshop.take_turn(what, period_s)

    assert take("sweep", 60)
    assert not take("sweep", 60)
    assert take("upkeep", 1)
    jobs.advance(59)
    assert not take("sweep", 60)
    assert take("upkeep", 1)
    jobs.advance(2)
    assert [take("sweep", 60) for _ in range(3)] == [True, False, False]
