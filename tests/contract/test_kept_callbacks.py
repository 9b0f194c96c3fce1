"""Terminal events on their way to a callback_url are kept until they are delivered or given up."""

import pytest

from shared.events import JOB_EVENT, StateChanged
from shared.jobs import CallbackStatus, Failed
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs

URL = "https://example.com/hook?a=é"
HOLD_S = 30.0


async def ended(jobs: Jobs, how: str = "settled", **fields) -> str:
    new = new_job(
        **{
            "callback_url": URL,
            "max_attempts": 1,
            "expires_s": 60 if how in {"expired", "claimed late"} else None,
            **fields,
        }
    )
    await jobs.front.create(new)
    assert jobs.workshop.due_callbacks(HOLD_S) == []
    if how == "cancelled":
        await jobs.front.request_cancel(new.id, "why")
        return new.id
    if how == "expired":
        jobs.advance(61)
        assert jobs.workshop.expire() == [new.id]
        return new.id
    if how == "claimed late":
        jobs.advance(61)
        assert jobs.workshop.claim(new.id, "w", 10) is None
        return new.id
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    if how == "given up":
        jobs.workshop.give_up(new.id, claim.fence, "w", ERROR)
    elif how == "lost and asked to stop":
        await jobs.front.request_cancel(new.id, "why")
        jobs.workshop.give_up(new.id, claim.fence, "w", ERROR)
    elif how == "failed":
        jobs.workshop.settle(claim, Failed(error=ERROR))
    else:
        jobs.workshop.settle(claim, completed())
    return new.id


async def status(jobs: Jobs, job_id: str) -> CallbackStatus | None:
    return (await jobs.front.get(job_id)).callback


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ("settled", JobState.COMPLETED),
        ("failed", JobState.FAILED),
        ("given up", JobState.FAILED),
        ("expired", JobState.FAILED),
        ("claimed late", JobState.FAILED),
        ("cancelled", JobState.CANCELLED),
        ("lost and asked to stop", JobState.CANCELLED),
    ],
)
async def test_however_a_job_ends_its_last_event_is_due(jobs: Jobs, how: str, state: JobState):
    job_id = await ended(jobs, how)
    assert await status(jobs, job_id) == CallbackStatus(state="waiting")

    (callback,) = jobs.workshop.due_callbacks(HOLD_S)

    assert (callback.job_id, callback.url, callback.tried) == (job_id, URL, 0)
    assert 0 <= callback.age_s < 10
    assert callback.event == (await jobs.front.events(job_id, 0))[-1]
    event = JOB_EVENT.validate_json(callback.event)
    assert isinstance(event, StateChanged)
    assert (event.state, event.seq) == (state, (await jobs.front.get(job_id)).seq)


async def test_a_job_without_an_address_has_no_callback(jobs: Jobs):
    job_id = await ended(jobs, callback_url=None)
    assert jobs.workshop.due_callbacks(HOLD_S) == []
    assert await status(jobs, job_id) is None


async def test_who_takes_it_has_it_for_a_while(jobs: Jobs):
    job_id = await ended(jobs)
    assert len(jobs.workshop.due_callbacks(HOLD_S)) == 1
    jobs.advance(HOLD_S - 5)
    assert jobs.workshop.due_callbacks(HOLD_S) == []
    jobs.advance(6)
    (again,) = jobs.workshop.due_callbacks(HOLD_S)
    assert (again.job_id, again.tried) == (job_id, 0)
    assert HOLD_S < again.age_s < HOLD_S + 10


async def test_a_failed_try_is_repeated_when_it_is_due(jobs: Jobs):
    job_id = await ended(jobs)
    jobs.workshop.due_callbacks(HOLD_S)

    jobs.workshop.callback_tried(job_id, 'a "reason"', 100)

    assert await status(jobs, job_id) == CallbackStatus(state="waiting", tries=1, error='a "reason"')
    jobs.advance(95)
    assert jobs.workshop.due_callbacks(HOLD_S) == []
    jobs.advance(6)
    (again,) = jobs.workshop.due_callbacks(HOLD_S)
    assert again.tried == 1


@pytest.mark.parametrize(("error", "state"), [(None, "delivered"), ("410", "failed")])
async def test_delivered_or_given_up_it_is_not_tried_again(jobs: Jobs, error: str | None, state: str):
    job_id = await ended(jobs)
    jobs.workshop.callback_tried(job_id, "first", 1)
    jobs.workshop.callback_tried(job_id, error, None)
    told = CallbackStatus.model_validate({"state": state, "tries": 2, "error": error})
    assert await status(jobs, job_id) == told
    jobs.advance(1_000)
    assert jobs.workshop.due_callbacks(HOLD_S) == []

    jobs.workshop.callback_tried(job_id, "late", 1)

    assert await status(jobs, job_id) == told, "what another try made of it stays"
    assert jobs.workshop.due_callbacks(HOLD_S) == []


async def test_a_late_success_is_one(jobs: Jobs):
    job_id = await ended(jobs)
    jobs.workshop.callback_tried(job_id, "no answer", None)
    jobs.workshop.callback_tried(job_id, None, None)
    assert await status(jobs, job_id) == CallbackStatus(state="delivered", tries=2)


async def test_a_try_for_a_job_that_is_gone_or_has_none_changes_nothing(jobs: Jobs):
    job_id = await ended(jobs, callback_url=None)
    for unknown in ("nobody", job_id):
        jobs.workshop.callback_tried(unknown, "why", 1)
        jobs.workshop.callback_tried(unknown, None, None)
    assert await status(jobs, job_id) is None
    assert jobs.workshop.due_callbacks(HOLD_S) == []
    assert await jobs.front.seqs(["nobody"]) == {}, "no record was made by that"


async def test_the_longest_due_first_and_no_more_than_asked_for(jobs: Jobs):
    ids = [await ended_later(jobs) for _ in range(3)]
    assert [each.job_id for each in jobs.workshop.due_callbacks(HOLD_S, limit=2)] == ids[:2]
    assert [each.job_id for each in jobs.workshop.due_callbacks(HOLD_S, limit=2)] == ids[2:]


async def ended_later(jobs: Jobs) -> str:
    new = new_job(callback_url=URL)
    await jobs.front.create(new)
    jobs.advance(0.01)
    await jobs.front.request_cancel(new.id, "why")
    return new.id


@pytest.mark.parametrize("by", ["front", "workshop"])
async def test_a_deleted_job_calls_nobody(jobs: Jobs, by: str):
    job_id = await ended(jobs)
    if by == "front":
        await jobs.front.delete(job_id)
    else:
        assert jobs.workshop.remove(job_id)
    assert jobs.workshop.due_callbacks(HOLD_S) == []
