"""When Redis is gone, hangs, is full or forgets: told in time as StoreUnavailable, and repaired without help."""

import asyncio
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_events import RedisEventBus
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.adapters.redis_registry import RedisWorkerBeacon, RedisWorkerDirectory
from shared.errors import StoreUnavailable
from shared.jobs import Cancelled
from shared.ports import JobQuery, Published
from shared.settings import JobSettings, RedisSettings, Settings
from shared.states import JobState
from tests.support.jobs import ERROR, completed, new_job
from tests.support.rigs import Jobs, redis_jobs

PATIENCE_S = 30
TOLD_S = 10
"""Half a second is set; without a limit a call to a frozen server would hang for ever."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey").start()
    yield server
    server.stop()


def settings_of(server: EmbeddedValkey) -> Settings:
    return Settings(REDIS_URL=server.url, redis=RedisSettings(socket_timeout_s=0.5))


@contextmanager
def frozen(server: EmbeddedValkey) -> Iterator[None]:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def kill(server: EmbeddedValkey) -> None:
    assert server.process is not None
    server.process.kill()
    server.process.wait()


async def refused(call: Callable[[], object]) -> None:
    async def ask() -> None:
        answer = call()
        if isinstance(answer, Awaitable):
            await answer

    begin = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await ask()
    assert time.monotonic() - begin < TOLD_S


async def everything_is_refused(settings: Settings, front: RedisJobStore, workshop: RedisAttemptStore) -> None:
    for call in (
        front.ping,
        lambda: front.create(new_job()),
        lambda: front.get("a"),
        lambda: front.find(JobQuery()),
        lambda: front.published("a"),
        lambda: front.events("a", 0),
        lambda: workshop.claim("a", "w", 1),
        workshop.lapsed,
        lambda: workshop.published("a"),
    ):
        await refused(call)
    directory, beacon = RedisWorkerDirectory(settings), RedisWorkerBeacon(settings)
    await refused(directory.workers)
    await refused(beacon.models)
    await directory.close()
    beacon.close()


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_store_that_is_gone_is_told_in_time_and_found_again(own: EmbeddedValkey, how: str):
    settings = settings_of(own)
    jobs = redis_jobs(settings)
    new = new_job()
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 100)
    assert claim is not None
    with redis.Redis.from_url(own.url) as client:
        client.set("last", "written")  # it waits for what its own connection wrote, and all before that
        client.execute_command("WAITAOF", 1, 0, 5_000)

    if how == "killed":
        kill(own)
        await everything_is_refused(settings, jobs.front, jobs.workshop)
        own.start()
    else:
        with frozen(own):
            await everything_is_refused(settings, jobs.front, jobs.workshop)

    assert (await jobs.front.get(new.id)).state is JobState.RUNNING
    assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED
    await jobs.front.close()
    jobs.workshop.close()


async def test_a_restart_between_two_calls_is_not_noticed(own: EmbeddedValkey):
    jobs = redis_jobs(Settings(REDIS_URL=own.url, redis=RedisSettings(answer_s=5, connect_timeout_s=5)))
    await asyncio.gather(*(jobs.front.ping() for _ in range(5)))
    jobs.workshop.lapsed()
    kill(own)
    await asyncio.to_thread(own.start)  # meanwhile the loop sees the old connections close

    await asyncio.gather(*(jobs.front.create(new_job()) for _ in range(5)))

    assert len(jobs.workshop.unpublished(0)) == 5
    await jobs.front.close()
    jobs.workshop.close()


async def test_records_that_were_all_lost_have_another_name(own: EmbeddedValkey):
    front = RedisJobStore(settings_of(own))
    first = await front.identity()
    with redis.Redis.from_url(own.url) as client:
        client.set("last", "written")  # it waits for what its own connection wrote, and all before that
        client.execute_command("WAITAOF", 1, 0, 5_000)
        kill(own)
        await asyncio.to_thread(own.start)
        assert await front.identity() == first
        client.flushall()
    assert await front.identity() != first
    await front.close()


async def test_scripts_that_the_server_forgot_are_sent_again(own: EmbeddedValkey):
    jobs = redis_jobs(settings_of(own))
    new = new_job()
    with redis.Redis.from_url(own.url) as client:
        client.script_flush()
        await jobs.front.create(new)
        client.script_flush()
        claim = jobs.workshop.claim(new.id, "w", 10)
        client.script_flush()
        assert claim is not None
        assert jobs.workshop.settle(claim, completed()) is JobState.COMPLETED
    await jobs.front.close()
    jobs.workshop.close()


async def test_a_full_store_takes_no_job_and_loses_none(own: EmbeddedValkey):
    jobs = redis_jobs(settings_of(own))
    kept = new_job()
    await jobs.front.create(kept)
    with redis.Redis.from_url(own.url) as client:
        client.config_set("maxmemory", 1)

        refused_job = new_job()
        await refused(lambda: jobs.front.create(refused_job))
        assert [job.id for job in (await jobs.front.find(JobQuery())).jobs] == [kept.id]

        client.config_set("maxmemory", 0)
    assert (await jobs.front.create(refused_job)).fresh
    await jobs.front.close()
    jobs.workshop.close()


async def test_a_wrong_password_is_an_outage(own: EmbeddedValkey):
    with redis.Redis.from_url(own.url) as client:
        client.config_set("requirepass", "a secret")
    front = RedisJobStore(settings_of(own))
    with pytest.raises(StoreUnavailable) as raised:
        await front.ping()
    assert "a secret" not in str(raised.value)
    await front.close()


async def test_listeners_learn_of_a_gap_and_hear_on(own: EmbeddedValkey):
    settings = settings_of(own)
    front = RedisJobStore(settings)
    async with RedisEventBus(settings).listen() as events, asyncio.timeout(PATIENCE_S):
        await front.create(new_job())
        assert isinstance(await anext(events), Published)

        kill(own)
        own.start()
        assert await anext(events) is None

        await front.create(new_job())
        assert isinstance(await anext(events), Published)
    await front.close()


async def test_listening_to_nobody_is_refused(own: EmbeddedValkey):
    settings = settings_of(own)
    own.stop()
    with pytest.raises(StoreUnavailable):
        async with RedisEventBus(settings).listen():
            pass


async def test_events_and_what_is_kept_are_bounded(settings: Settings):
    small = settings.model_copy(update={"jobs": JobSettings(events_kept=100, inputs_ttl_s=500)})
    jobs = redis_jobs(small)
    new = new_job(idempotency_key="k", idempotency_ttl_s=7_000)
    await jobs.front.create(new)
    claim = jobs.workshop.claim(new.id, "w", 10)
    assert claim is not None
    for _ in range(250):
        jobs.workshop.give_up(new.id, claim.fence, "w", ERROR, costs=False)
        claim = jobs.workshop.claim(new.id, "w", 10)
        assert claim is not None

    kept = await jobs.front.events(new.id, 0)

    assert 100 <= len(kept) <= 300
    assert '"seq":502,' in kept[-1]
    jobs.workshop.settle(claim, Cancelled(reason="enough"))
    prefix = settings.redis.prefix
    with redis.Redis.from_url(settings.store_url) as client:
        assert 0 < client.ttl(f"{prefix}:job:{new.id}:blobs") <= 500
        assert 500 < client.ttl(f"{prefix}:idempotency:k") <= 7_000
        assert client.ttl(f"{prefix}:job:{new.id}") == -1
    await jobs.front.close()
    jobs.workshop.close()


async def test_a_deleted_job_leaves_no_key_behind(settings: Settings):
    jobs = redis_jobs(settings)
    for step in ("cancelled", "discarded", "dead", "expired", "resent"):
        await _made_and_deleted(jobs, step)

    prefix = settings.redis.prefix
    with redis.Redis.from_url(settings.store_url) as client:
        left = {key.decode() for key in client.scan_iter(f"{prefix}:*", count=1_000)}
    assert left == {f"{prefix}:order", f"{prefix}:lanes", f"{prefix}:passed"}
    await jobs.front.close()
    jobs.workshop.close()


async def _made_and_deleted(jobs: Jobs, step: str) -> None:
    expires_s = 0.000_001 if step == "expired" else 1_000
    new = new_job(
        idempotency_key=uuid.uuid4().hex, expires_s=expires_s, callback_url="https://example.com/", max_attempts=1
    )
    await jobs.front.create(new)
    if step != "discarded":
        await jobs.front.published(new.id)
    match step:
        case "discarded":
            await jobs.front.discard(new.id)
            return
        case "cancelled":
            await jobs.front.request_cancel(new.id, "why")
        case "expired":
            assert jobs.workshop.expire() == [new.id]
        case _:
            if step == "resent":
                assert jobs.workshop.note_lost(["cpu"], 0) == 1
            claim = jobs.workshop.claim(new.id, "w", 10)
            assert claim is not None
            jobs.workshop.give_up(new.id, claim.fence, "w", ERROR)
    await jobs.front.delete(new.id)
