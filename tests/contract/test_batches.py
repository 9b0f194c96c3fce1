"""What every job store promises about jobs that wait together and are claimed, renewed and settled together."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import StaleClaim
from shared.jobs import Cancelled, ErrorInfo, Failed
from shared.ports import Claim, Ending, Envelope, NewJob
from shared.routing import place_of
from shared.states import JobState
from tests.support.jobs import BLOB, ERROR, completed, new_job
from tests.support.rigs import Jobs

GROUP = "inference:asl"
PLACE = place_of(5, "cpu", GROUP)


def grouped(**fields: Any) -> NewJob:
    new = new_job(priority=5, **fields)
    return replace(new, group=GROUP, message=Envelope("queue", b"of the place"), headers={"request_id": new.id})


async def waiting(jobs: Jobs, count: int, **fields: Any) -> list[str]:
    """Ids of that many jobs, which wait together in this order."""
    return [(await jobs.front.create(grouped(**fields))).record.id for _ in range(count)]


async def claimed(jobs: Jobs, count: int, lease_s: float = 10) -> list[Claim]:
    await waiting(jobs, count)
    claims = jobs.workshop.claim_ready(PLACE, "w", lease_s)
    assert len(claims) == count
    return claims


async def test_a_batch_brings_all_that_its_attempts_need(jobs: Jobs):
    ids = await waiting(jobs, 3, labels={"a": "b"})

    claims = jobs.workshop.claim_ready(PLACE, "w", 10, ("cpu",))

    assert [claim.job_id for claim in claims] == ids
    for claim in claims:
        assert claim.job == await jobs.front.get(claim.job_id)
        assert claim.job.state is JobState.RUNNING
        assert (claim.fence, claim.worker, claim.blobs) == (1, "w", [BLOB])
        assert claim.headers == {"request_id": claim.job_id}
    assert sorted(one.job_id for one in jobs.workshop.held_by("w")) == sorted(ids)
    assert (await jobs.front.backlog())["cpu"].depth == 0


async def test_a_batch_has_a_limit_and_the_rest_waits(jobs: Jobs):
    ids = await waiting(jobs, 5)
    taken = [jobs.workshop.claim_ready(PLACE, "w", 10, limit=2) for _ in range(4)]
    assert [[claim.job_id for claim in claims] for claims in taken] == [ids[:2], ids[2:4], ids[4:], []]


async def test_a_single_claim_brings_the_headers_too(jobs: Jobs):
    (job_id,) = await waiting(jobs, 1)
    claim = jobs.workshop.claim(job_id, "w", 10)
    assert claim is not None
    assert claim.headers == {"request_id": job_id}


async def test_who_does_not_read_the_lane_leaves_its_places_alone(jobs: Jobs):
    ids = await waiting(jobs, 2)
    assert jobs.workshop.claim_ready(PLACE, "w", 10, ("gpu", "npu")) == []
    assert [claim.job_id for claim in jobs.workshop.claim_ready(PLACE, "w", 10, ("gpu", "cpu"))] == ids


async def test_what_is_not_to_be_run_is_passed_over(jobs: Jobs):
    alone, cancelled, moved, tried = await waiting(jobs, 4, device="AUTO")
    (late,) = await waiting(jobs, 1, expires_s=0.000_001)
    (good,) = await waiting(jobs, 1)
    assert jobs.workshop.claim(alone, "other", 10)
    await jobs.front.request_cancel(cancelled, "not wanted")
    assert jobs.workshop.move(await jobs.front.get(moved), "gpu")
    before = jobs.workshop.claim(tried, "other", 10)
    assert before
    jobs.workshop.give_up(tried, before.fence, "other", ERROR)

    claims = jobs.workshop.claim_ready(PLACE, "w", 10, ("cpu",))

    assert [claim.job_id for claim in claims] == [good]
    assert (await jobs.front.get(moved)).state is JobState.PENDING
    record = await jobs.front.get(late)
    assert isinstance(record.outcome, Failed)
    assert record.outcome.error.code == "expired"
    # One that had an attempt comes with a message of its own: nobody shall die beside it.
    assert (await jobs.front.get(tried)).state is JobState.PENDING
    assert jobs.workshop.claim(tried, "w", 10)


async def test_every_end_is_committed_and_told(jobs: Jobs):
    first, second, third = await claimed(jobs, 3)
    why = ErrorInfo(code="input-unreadable", title="A title", detail="a detail")

    states = jobs.workshop.settle_many(
        [
            Ending(first, completed()),
            Ending(second, Failed(error=why)),
            Ending(third, Cancelled(reason="enough")),
        ]
    )

    assert states == [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED]
    for claim, state in zip((first, second, third), states, strict=True):
        record = await jobs.front.get(claim.job_id)
        assert record.state is state
        assert record.run_ms is not None
        assert [attempt.worker for attempt in record.attempts] == ["w"]
        assert len(await jobs.front.events(claim.job_id, 0)) == record.seq == 3
    assert jobs.workshop.held_by("w") == []


async def test_a_stale_end_changes_nothing_and_keeps_no_other_back(jobs: Jobs):
    first, second, third = await claimed(jobs, 3)
    jobs.workshop.give_up(second.job_id, second.fence, "w", ERROR)

    states = jobs.workshop.settle_many([Ending(claim, completed()) for claim in (first, second, third, third)])

    assert states[0] is states[2] is JobState.COMPLETED
    assert isinstance(states[1], StaleClaim)
    assert isinstance(states[3], StaleClaim)
    assert (await jobs.front.get(second.job_id)).state is JobState.PENDING


async def test_leases_are_renewed_together_and_wishes_to_stop_are_told(jobs: Jobs):
    going, stopping, gone = claims = await claimed(jobs, 3, lease_s=0)
    await jobs.front.request_cancel(stopping.job_id, "enough")
    jobs.workshop.settle(gone, completed())
    assert len(jobs.workshop.lapsed()) == 2

    renewed = jobs.workshop.renew_many(claims, 10)

    assert renewed[:2] == [False, True]
    assert isinstance(renewed[2], StaleClaim)
    assert jobs.workshop.lapsed() == []
    assert jobs.workshop.settle(going, completed()) is JobState.COMPLETED


@pytest.mark.parametrize("count", [0, 1])
async def test_none_is_a_number_too(jobs: Jobs, count: int):
    claims = await claimed(jobs, count)
    assert jobs.workshop.renew_many(claims, 10) == [False] * count
    assert jobs.workshop.settle_many([Ending(claim, completed()) for claim in claims]) == (
        [JobState.COMPLETED] * count
    )


async def test_a_worker_that_dies_loses_its_batch_and_each_job_is_sent_by_itself(jobs: Jobs):
    claims = await claimed(jobs, 3, lease_s=0)
    for one in jobs.workshop.lapsed():
        jobs.workshop.give_up(one.job_id, one.fence, one.worker, ERROR)
    assert {record.id for record in jobs.workshop.unpublished(0)} == {claim.job_id for claim in claims}
    assert jobs.workshop.claim_ready(PLACE, "w", 10) == []


async def test_a_lost_message_is_noticed_though_a_later_one_took_its_place(jobs: Jobs):
    """Jobs that were taken in a batch pass those that were sent before them one by one."""
    lost = replace(new_job(priority=5), message=Envelope("queue", b"of the job"))
    await jobs.front.create(lost)
    await claimed(jobs, 2)
    jobs.workshop.note_lost([], 0)
    jobs.workshop.note_lost([], 0)
    assert [record.id for record in jobs.workshop.unpublished(0)] == [lost.id]


async def test_who_came_while_the_message_lay_in_the_queue_passes_nobody(jobs: Jobs):
    """Of two groups the first one's message goes first, with jobs that came after the other's."""
    await waiting(jobs, 1)
    jobs.advance(0.001)
    other = replace(new_job(priority=5), group="inference:other", message=Envelope("queue", b"of the other place"))
    await jobs.front.create(other)
    jobs.advance(0.001)
    await waiting(jobs, 1)

    assert len(jobs.workshop.claim_ready(PLACE, "w", 10)) == 2

    for _ in range(2):
        jobs.advance(1)
        assert jobs.workshop.note_lost([], 0.1) == 0


async def test_of_many_who_take_batches_each_job_has_one_attempt(jobs: Jobs):
    ids = await waiting(jobs, 40)
    taken = await asyncio.gather(
        *(asyncio.to_thread(jobs.workshop.claim_ready, PLACE, f"w{number}", 10, (), 7) for number in range(8))
    )
    assert sorted(claim.job_id for claims in taken for claim in claims) == sorted(ids)
