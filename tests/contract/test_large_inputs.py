"""Large inputs take a way of their own into the store, and come out of it as they were."""

import random
from collections.abc import AsyncIterator

import pytest
import redis

from shared.adapters.redis_jobs import front
from shared.adapters.redis_jobs.codec import FORMATS
from shared.adapters.redis_jobs.staging import STAGED_BYTES, Staged
from shared.errors import CallerFull, JobConflict, StoreUnavailable
from shared.settings import Settings
from tests.support.jobs import completed, new_job
from tests.support.rigs import Jobs, redis_jobs

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
    jobs.workshop.settle(claim, completed())
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


async def test_inputs_that_went_meanwhile_make_no_job(
    own: Jobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    class Nothing(Staged):
        def commands(self):
            return iter([(b"PING",)])

    monkeypatch.setattr(front, "Staged", Nothing)
    new = new_job(blobs=tuple(BLOBS))
    with pytest.raises(StoreUnavailable, match="send it again"):
        await own.front.create(new)
    assert await own.front.known(new.id, new.fingerprint) is None


async def test_what_was_staged_before_makes_the_job(jobs: Jobs):
    handle = await jobs.front.stage(BLOBS)
    made = await jobs.front.create(new_job(blobs=tuple(BLOBS), staged=handle))
    assert made.fresh
    assert await jobs.front.blobs(made.record.id) == BLOBS


async def test_small_inputs_come_with_their_job(jobs: Jobs):
    assert await jobs.front.stage([b"small", b""]) is None


async def test_what_is_unstaged_is_gone(own: Jobs, settings: Settings):
    handle = await own.front.stage(BLOBS)
    assert len(staged(settings)) == 1
    assert handle is not None
    await own.front.unstage(handle)
    assert staged(settings) == []
    new = new_job(blobs=tuple(BLOBS), staged=handle)
    with pytest.raises(StoreUnavailable, match="send it again"):
        await own.front.create(new)


async def test_what_becomes_no_job_goes_by_itself(own: Jobs, settings: Settings):
    inputs = Staged(settings.redis.prefix, BLOBS)
    with redis.Redis.from_url(settings.store_url) as server:
        commands = list(inputs.commands())
        for count, words in enumerate(commands):
            server.execute_command(*words)
            assert count == 0 or server.ttl(inputs.key) > 0
    job, small = [await own.front.create(new_job(blobs=tuple(blobs))) for blobs in (BLOBS, [b"x"])]
    with redis.Redis.from_url(settings.store_url) as server:
        key = f"{settings.redis.prefix}:job:{job.record.id}"
        assert server.ttl(f"{key}:blobs") == -1
        assert server.hget(key, "format") == str(FORMATS["inference"]).encode()
        assert server.hget(f"{settings.redis.prefix}:job:{small.record.id}", "format") == b"2"
