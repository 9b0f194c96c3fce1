"""Large inputs take a way of their own into the store, and come out of it as they were."""

import random
from collections.abc import AsyncIterator

import pytest
import redis

from shared.adapters.redis_jobs.codec import FORMATS
from shared.adapters.redis_jobs.staging import PIECE, STAGED_BYTES
from shared.errors import CallerFull, JobConflict, StoreUnavailable
from shared.jobs import Failed
from shared.ports import Staging
from shared.settings import Settings
from tests.support.jobs import ERROR, new_job
from tests.support.polling import eventually
from tests.support.rigs import Jobs, memory_jobs, redis_jobs

BLOBS = [random.Random(7).randbytes(size) for size in (3 * STAGED_BYTES + 5, 0, 700, STAGED_BYTES // 2)]


@pytest.fixture
async def own(settings: Settings) -> AsyncIterator[Jobs]:
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


def staged(settings: Settings) -> list[bytes]:
    with redis.Redis.from_url(settings.store_url) as server:
        return list(server.scan_iter(f"{settings.redis.prefix}:staged:*"))


async def test_they_come_as_they_were(jobs: Jobs):
    made = await jobs.front.create(new_job(blobs=tuple(BLOBS)))
    assert await jobs.front.blobs(made.record.id) == BLOBS
    claim = jobs.workshop.claim(made.record.id, "w", 10)
    assert claim is not None
    assert claim.blobs == BLOBS
    jobs.workshop.settle(claim, Failed(error=ERROR))
    assert await jobs.front.blobs(made.record.id) == BLOBS
    again = await jobs.front.create(new_job(blobs=tuple(BLOBS), retry_of=made.record.id))
    assert jobs.workshop.claim(again.record.id, "w", 10).blobs == BLOBS  # pyright: ignore[reportOptionalMemberAccess]
    await jobs.front.delete(made.record.id)


async def test_nothing_stays_beside_the_job(own: Jobs, settings: Settings):
    first = new_job(blobs=tuple(BLOBS), idempotency_key="k")
    assert (await own.front.create(first)).fresh
    known = await own.front.create(new_job(blobs=tuple(BLOBS), idempotency_key="k"))
    assert (known.fresh, known.record.id) == (False, first.id)
    with pytest.raises(JobConflict):
        await own.front.create(new_job(blobs=tuple(BLOBS), idempotency_key="k", fingerprint="1" * 64))
    assert await own.front.blobs(first.id) == BLOBS
    assert staged(settings) == []


async def test_nothing_stays_of_what_is_refused(settings: Settings):
    settings = settings.model_copy(update={"limits": settings.limits.model_copy(update={"caller_depth": 1})})
    rig = redis_jobs(settings)
    await rig.front.create(new_job(blobs=tuple(BLOBS), caller="a"))
    with pytest.raises(CallerFull):
        await rig.front.create(new_job(blobs=tuple(BLOBS), caller="a"))
    assert staged(settings) == []
    await rig.front.close()
    rig.workshop.close()


async def brought(rig: Jobs, content: bytes, piece: int) -> tuple[Staging, object]:
    staging = rig.front.staging()
    assert staging is not None
    for at in range(0, len(content), piece):
        await staging.write(content[at : at + piece])
    return staging, await staging.complete()


@pytest.mark.parametrize("piece", [700, PIECE - 1, PIECE, PIECE + 1, 4 * STAGED_BYTES])
async def test_what_was_staged_before_makes_the_job(own: Jobs, settings: Settings, piece: int):
    _, handle = await brought(own, BLOBS[0], piece)
    made = await own.front.create(new_job(staged=handle))
    assert made.fresh
    assert await own.front.blobs(made.record.id) == BLOBS[:1]
    claim = own.workshop.claim(made.record.id, "w", 10)
    assert claim is not None
    assert claim.blobs == BLOBS[:1]
    assert staged(settings) == []


async def test_where_nothing_is_far_away_nothing_is_staged():
    assert memory_jobs().front.staging() is None


async def test_what_is_dropped_is_gone(own: Jobs, settings: Settings):
    staging, handle = await brought(own, BLOBS[0], PIECE)
    assert len(staged(settings)) == 1
    await staging.drop()
    assert staged(settings) == []
    new = new_job(staged=handle)
    with pytest.raises(StoreUnavailable, match="send it again"):
        await own.front.create(new)
    assert await own.front.known(new.id, new.fingerprint) is None


async def test_what_went_meanwhile_is_noticed_and_doesnt_begin_anew(own: Jobs, settings: Settings):
    staging = own.front.staging()
    assert staging is not None
    await staging.write(BLOBS[0][:STAGED_BYTES])
    await own.front.ping()
    with redis.Redis.from_url(settings.store_url) as server:
        eventually(lambda: server.delete(*staged(settings) or ["none"]) or None)
    await staging.write(BLOBS[0][STAGED_BYTES:])
    with pytest.raises(StoreUnavailable, match="send it again"):
        await staging.complete()
    assert staged(settings) == []


async def test_what_becomes_no_job_goes_by_itself(own: Jobs, settings: Settings):
    staging = own.front.staging()
    assert staging is not None
    await staging.write(BLOBS[0])
    await staging.complete()
    with redis.Redis.from_url(settings.store_url) as server:
        (key,) = staged(settings)
        assert 0 < server.ttl(key) <= 300
    job, small = [await own.front.create(new_job(blobs=tuple(blobs))) for blobs in (BLOBS, [b"x"])]
    with redis.Redis.from_url(settings.store_url) as server:
        key = f"{settings.redis.prefix}:job:{job.record.id}"
        assert server.ttl(f"{key}:blobs") == -1
        assert server.hget(key, "format") == str(FORMATS["inference"]).encode()
        assert server.hget(f"{settings.redis.prefix}:job:{small.record.id}", "format") == b"2"
