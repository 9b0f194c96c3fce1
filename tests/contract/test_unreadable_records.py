"""A record that can't be read is told as such and gets rid of, and never takes others with it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from shared.adapters.redis_jobs.codec import FORMATS
from shared.errors import JobNotFound, StoreUnavailable
from shared.jobs import Completed, Failed
from shared.ports import JobQuery
from shared.results import BatchPrediction, InferenceResult, InferenceTimings
from shared.settings import Settings
from shared.states import JobState
from tests.support.jobs import ERROR, new_job
from tests.support.rigs import Jobs, redis_jobs


@pytest.fixture
async def jobs(settings: Settings) -> AsyncIterator[Jobs]:
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


async def unreadable(jobs: Jobs) -> str:
    """JSON knows no NaN: such a result can be written, but not be read."""
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    prediction = BatchPrediction(rows=1, classes=["a"], indices=[0], confidences=[float("nan")])
    result = InferenceResult(
        model="asl",
        version="0123456789abcdef",
        runtime="torch",
        device="CPU",
        predictions=[prediction],
        timings=InferenceTimings(model_ms=1),
    )
    jobs.workshop.settle(claim, Completed(result=result))
    return new.id


async def test_its_neighbours_are_found(jobs: Jobs):
    first = (await jobs.front.create(new_job())).record
    bad = await unreadable(jobs)
    last = (await jobs.front.create(new_job())).record

    with capture_logs() as logs:
        page = await jobs.front.find(JobQuery())

    assert page.jobs == [last, first]
    (entry,) = [log for log in logs if log["event"] == "record_unreadable"]
    assert bad in entry["reason"]


async def test_getting_it_says_what_is_wrong(jobs: Jobs):
    bad = await unreadable(jobs)
    with pytest.raises(StoreUnavailable, match=f"the record of job {bad} can't be read"):
        await jobs.front.get(bad)


async def test_it_can_be_deleted(jobs: Jobs):
    bad = await unreadable(jobs)

    was = await jobs.front.delete(bad)

    assert (was.id, was.state, was.outcome) == (bad, JobState.COMPLETED, None)
    with pytest.raises(JobNotFound):
        await jobs.front.get(bad)
    assert (await jobs.front.find(JobQuery())).jobs == []


async def test_it_does_not_stop_a_sweep(jobs: Jobs, settings: Settings):
    bad, good = new_job(), new_job()
    await jobs.front.create(bad)
    await jobs.front.create(good)
    with redis.Redis.from_url(settings.store_url) as client:
        client.hset(f"{settings.redis.prefix}:job:{bad.id}", "progress", "{")

    assert [record.id for record in jobs.workshop.unpublished(0)] == [good.id]


LATER_FIELD = b'{"kind":"inference","model":"asl","inputs":[],"of_a_later_version":1}'
LATER_KIND = {"kind": b"of_a_later_version", "spec": b'{"kind":"of_a_later_version"}'}
NEWER: dict[str, dict[str, bytes]] = {
    "a field of a later version": {"format": b"%d" % (FORMATS["inference"] + 1), "spec": LATER_FIELD},
    "a kind of a later version": {"format": b"1"} | LATER_KIND,
}
UNREADABLE = NEWER | {"broken": {"progress": b"{"}}


def change(settings: Settings, job_id: str, fields: dict[str, bytes]) -> dict[str, bytes]:
    """Overwrite these fields of the record; what they were."""
    with redis.Redis.from_url(settings.store_url) as client:
        key = f"{settings.redis.prefix}:job:{job_id}"
        was = dict(zip(fields, client.hmget(key, list(fields)), strict=True))  # type: ignore[arg-type]
        client.hset(key, mapping=fields)  # type: ignore[arg-type]
    return was


@pytest.mark.parametrize("how", NEWER)
async def test_a_worker_leaves_it_to_one_that_can_read_it(jobs: Jobs, settings: Settings, how: str):
    new = new_job()
    await jobs.front.create(new)
    was = change(settings, new.id, NEWER[how])

    with capture_logs() as logs:
        assert [jobs.workshop.claim(new.id, "old", 10) for _ in range(3)] == [None] * 3

    assert [log["event"] for log in logs] == ["record_unreadable"]
    assert new.id in logs[0]["reason"]
    assert len(await jobs.front.events(new.id, 0)) == 1
    assert (await jobs.front.backlog())["cpu"].depth == 1
    change(settings, new.id, was)
    claim = jobs.workshop.claim(new.id, "new", 10)
    assert claim is not None
    assert (claim.fence, claim.job.attempts) == (1, []), "nothing was used up"


async def test_a_claim_is_one_command(jobs: Jobs, settings: Settings):
    new, newer = new_job(), new_job()
    for each in (new, newer):
        await jobs.front.create(each)
    change(settings, newer.id, NEWER["a field of a later version"])
    assert jobs.workshop.claim("nobody", "w", 10) is None, "now the server has the script"

    with redis.Redis.from_url(settings.store_url) as client, client.monitor() as monitor:
        claims = [jobs.workshop.claim(each.id, "w", 10) for each in (new, newer)]
        marker = f"ECHO {settings.redis.prefix}"
        client.execute_command(*marker.split())
        seen = list(iter(lambda: _sent(monitor), marker))

    assert [claim is not None for claim in claims] == [True, False]
    assert [each.split()[0] for each in seen if settings.redis.prefix in each] == ["EVALSHA", "EVALSHA"]


def _sent(monitor: Any) -> str:
    """The next command that somebody sent; what scripts call is passed over."""
    while (told := monitor.next_command())["client_type"] == "lua":
        pass
    return told["command"]


async def test_a_broken_one_is_given_up_with_the_reason(jobs: Jobs, settings: Settings):
    new = new_job(max_attempts=2)
    await jobs.front.create(new)
    was = change(settings, new.id, UNREADABLE["broken"] | {"spec": b"{"})

    assert [jobs.workshop.claim(new.id, "w", 10) for _ in range(3)] == [None] * 3

    change(settings, new.id, {"spec": was["spec"]})
    record = await jobs.front.get(new.id)
    assert (record.state, len(record.attempts)) == (JobState.FAILED, 2)
    assert isinstance(record.outcome, Failed)
    assert f"the record of job {new.id} can't be read" in record.outcome.error.detail
    assert (await jobs.front.dead(10)).jobs == [record]


async def test_many_of_them_hide_nobody_that_waits_to_be_sent(jobs: Jobs, settings: Settings):
    for _ in range(25):
        new = new_job(blobs=())
        await jobs.front.create(new)
        change(settings, new.id, NEWER["a kind of a later version"])
    good = [(await jobs.front.create(new_job())).record.id for _ in range(3)]

    assert [record.id for record in jobs.workshop.unpublished(0, limit=10)] == good
    assert [record.id for record in jobs.workshop.unpublished(0, limit=2)] == good[:2]


async def test_its_message_is_noted_as_lost_like_any_other(jobs: Jobs, settings: Settings):
    new = new_job()
    await jobs.front.create(new)
    await jobs.front.published(new.id)
    was = change(settings, new.id, NEWER["a field of a later version"])
    jobs.advance(5)

    assert jobs.workshop.note_lost(["cpu"], 5) == 1
    assert jobs.workshop.unpublished(0) == [], "who can't read it doesn't send it"

    change(settings, new.id, was)
    assert [record.id for record in jobs.workshop.unpublished(0)] == [new.id]


@pytest.mark.parametrize("how", UNREADABLE)
async def test_it_ends_like_any_other(jobs: Jobs, settings: Settings, how: str):
    late, killed = [new_job(expires_s=5, max_attempts=1, callback_url="https://example.com/") for _ in range(2)]
    for new in (late, killed):
        await jobs.front.create(new)
    claim = jobs.workshop.claim(killed.id, "w", 0)
    assert claim is not None
    for new in (late, killed):
        change(settings, new.id, UNREADABLE[how])
    jobs.advance(6)

    assert jobs.workshop.expire() == [late.id]
    (lapsed,) = jobs.workshop.lapsed()
    assert jobs.workshop.give_up(lapsed.job_id, lapsed.fence, "w", ERROR) is JobState.FAILED
    assert (await jobs.front.dead(10)).jobs == []
    assert {each.job_id for each in jobs.workshop.due_callbacks(10)} == {late.id, killed.id}
    for new in (late, killed):
        jobs.workshop.callback_tried(new.id, None, None)
        assert jobs.workshop.remove(new.id)
    with redis.Redis.from_url(settings.store_url) as client:
        assert not list(client.scan_iter(f"{settings.redis.prefix}:job:*"))
