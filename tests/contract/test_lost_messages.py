"""A job whose message must be gone is noted to be sent again; a job that only waits long isn't."""

import pytest

from shared.ports import Claim, Envelope
from tests.support.jobs import ERROR, new_job
from tests.support.rigs import Jobs

AFTER_S = 5.0


async def sent(jobs: Jobs, lane: str = "cpu", *, with_record: bool = True, **fields) -> str:
    """A job whose message is in its queue."""
    new = new_job(lane=lane, blobs=(), message=Envelope("queue", b"a message") if with_record else None, **fields)
    await jobs.front.create(new)
    if not with_record:
        await jobs.front.published(new.id)
    jobs.advance(0.001)
    return new.id


def taken(jobs: Jobs, job_id: str) -> Claim:
    claim = jobs.workshop.claim(job_id, "w", 1_000)
    assert claim is not None
    return claim


def waiting_to_be_sent(jobs: Jobs) -> list[str]:
    return [record.id for record in jobs.workshop.unpublished(0)]


def noted_within(jobs: Jobs, seconds: float, *empty: str) -> int:
    """How many are noted by rounds half a second apart."""
    noted = 0
    for _ in range(round(seconds * 2)):
        jobs.advance(0.5)
        noted += jobs.workshop.note_lost(empty, AFTER_S)
    return noted


@pytest.mark.parametrize("with_record", [True, False])
async def test_a_job_overtaken_by_a_later_one_is_sent_again(jobs: Jobs, with_record: bool):
    lost = await sent(jobs, with_record=with_record)
    taken(jobs, await sent(jobs, with_record=with_record))

    assert noted_within(jobs, 5) == 0, "it may be on its way"
    assert waiting_to_be_sent(jobs) == []
    assert noted_within(jobs, 1) == 1

    assert waiting_to_be_sent(jobs) == [lost]
    assert [record.id for record in jobs.workshop.unpublished(3_600)] == [lost], "there is nothing to wait for"
    assert noted_within(jobs, 60) == 0, "once is enough until it was sent"


async def test_a_deep_backlog_is_not_sent_again(jobs: Jobs):
    first, *_ = [await sent(jobs) for _ in range(30)]
    taken(jobs, first)

    assert noted_within(jobs, 100) == 0
    assert jobs.workshop.waiting_lanes(AFTER_S) == ["cpu"]


@pytest.mark.parametrize("other", [{"lane": "gpu"}, {"priority": 9}, {"priority": 0}])
async def test_only_jobs_of_one_lane_and_priority_overtake_each_other(jobs: Jobs, other: dict):
    await sent(jobs)
    taken(jobs, await sent(jobs, **other))
    assert noted_within(jobs, 100) == 0


async def test_being_ended_or_expired_overtakes_nobody(jobs: Jobs):
    await sent(jobs)
    await jobs.front.request_cancel(await sent(jobs), "why")
    await sent(jobs, expires_s=1)
    jobs.advance(2)
    assert len(jobs.workshop.expire()) == 1
    assert noted_within(jobs, 100) == 0


async def test_a_job_in_a_lane_whose_queue_is_empty_is_sent_again(jobs: Jobs):
    lost = await sent(jobs)
    other = await sent(jobs, lane="gpu")

    assert jobs.workshop.note_lost(["cpu"], AFTER_S) == 0
    assert jobs.workshop.waiting_lanes(AFTER_S) == []
    jobs.advance(AFTER_S)
    assert jobs.workshop.waiting_lanes(AFTER_S) == ["cpu", "gpu"]
    assert jobs.workshop.note_lost(["cpu"], AFTER_S) == 1

    assert waiting_to_be_sent(jobs) == [lost]
    assert jobs.workshop.waiting_lanes(AFTER_S) == ["gpu"]
    assert jobs.workshop.note_lost(["cpu", "io", "gpu"], AFTER_S) == 1
    assert set(waiting_to_be_sent(jobs)) == {lost, other}


async def test_each_time_it_takes_twice_as_long_up_to_ten_minutes(jobs: Jobs):
    job_id = await sent(jobs)
    waits = []
    for _ in range(10):
        waits.append(0)
        while jobs.workshop.note_lost(["cpu"], AFTER_S) == 0:
            jobs.advance(5)
            waits[-1] += 5
        assert waiting_to_be_sent(jobs) == [job_id]
        jobs.workshop.published(job_id)
        assert waiting_to_be_sent(jobs) == []
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]


async def test_what_was_noted_is_forgotten_when_the_job_is_taken(jobs: Jobs):
    job_id = await sent(jobs)
    jobs.advance(AFTER_S)
    assert jobs.workshop.note_lost(["cpu"], AFTER_S) == 1

    claim = taken(jobs, job_id)
    assert waiting_to_be_sent(jobs) == []
    assert noted_within(jobs, 60, "cpu") == 0
    jobs.workshop.give_up(job_id, claim.fence, "w", ERROR)
    jobs.workshop.published(job_id, claim.fence)

    assert noted_within(jobs, 4.5, "cpu") == 0
    assert noted_within(jobs, 1, "cpu") == 1, "and then the first time counts as the first again"


@pytest.mark.parametrize("end", ["cancelled", "taken"])
async def test_a_doubted_job_that_goes_on_is_not_sent_again(jobs: Jobs, end: str):
    doubted = await sent(jobs)
    taken(jobs, await sent(jobs))
    assert noted_within(jobs, 1) == 0
    if end == "cancelled":
        await jobs.front.request_cancel(doubted, "why")
    else:
        taken(jobs, doubted)
    assert noted_within(jobs, 100, "cpu") == 0
    assert waiting_to_be_sent(jobs) == []


async def test_a_job_that_was_not_sent_yet_is_not_lost(jobs: Jobs):
    new = new_job()
    await jobs.front.create(new)
    taken(jobs, await sent(jobs))
    assert noted_within(jobs, 20, "cpu") == 0
    assert waiting_to_be_sent(jobs) == [new.id]
    assert jobs.workshop.waiting_lanes(0) == []


async def test_at_most_so_many_a_round(jobs: Jobs):
    for _ in range(7):
        await sent(jobs)
    jobs.advance(AFTER_S)
    assert [jobs.workshop.note_lost(["cpu"], AFTER_S, limit=3) for _ in range(4)] == [3, 3, 1, 0]
