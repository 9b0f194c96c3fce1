"""What an accepted job means: written by the server, or synced to its disk."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_jobs import RedisJobStore
from shared.errors import JobConflict, StoreUnavailable
from shared.settings import RedisSettings, Settings
from tests.support.jobs import new_job


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
async def synced(own: EmbeddedValkey) -> AsyncIterator[RedisJobStore]:
    store = RedisJobStore(
        Settings(REDIS_URL=own.url, redis=RedisSettings(durability="synced", answer_s=0.5, socket_timeout_s=3))
    )
    yield store
    await store.close()


def configured(server: EmbeddedValkey, **options: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        for name, value in options.items():
            client.config_set(name, value)


def appended(server: EmbeddedValkey) -> bytes:
    """What of the server's log of writes is in its files."""
    folder = server.data_dir / "appendonlydir"
    return b"".join(path.read_bytes() for path in folder.glob("*.incr.aof"))


@pytest.mark.parametrize("policy", ["everysec", "always"])
async def test_a_synced_job_is_in_the_server_s_file(own: EmbeddedValkey, synced: RedisJobStore, policy: str):
    configured(own, appendfsync=policy)
    new = new_job(idempotency_key="k")

    created = await synced.create(new)

    assert created.fresh
    assert new.id.encode() in appended(own)
    assert not (await synced.create(new)).fresh
    assert await synced.known(new.id, "one", "k") == created.record
    with pytest.raises(JobConflict):
        await synced.create(new_job(id=new.id, fingerprint="two"))


async def test_many_at_once_wait_together(own: EmbeddedValkey, synced: RedisJobStore):
    news = [new_job() for _ in range(50)]
    made = await asyncio.gather(*(synced.create(new) for new in news))
    assert all(each.fresh for each in made)
    assert all(new.id.encode() in appended(own) for new in news)


async def test_without_a_file_no_job_is_accepted_as_synced(own: EmbeddedValkey, synced: RedisJobStore):
    configured(own, appendonly="no")
    new = new_job()
    with pytest.raises(StoreUnavailable, match="on disk"):
        await synced.create(new)
    with pytest.raises(StoreUnavailable, match="on disk"):
        await synced.create(new)

    configured(own, appendonly="yes")

    again = await synced.create(new)
    assert (again.fresh, again.record.id) == (False, new.id), "it had been kept after all"


async def test_a_script_the_server_forgot_is_sent_again(own: EmbeddedValkey, synced: RedisJobStore):
    configured(own, appendfsync="always")
    await synced.create(new_job())
    with redis.Redis.from_url(own.url) as client:
        client.script_flush()
    assert (await synced.create(new_job())).fresh


async def test_a_full_server_is_told_as_such(own: EmbeddedValkey, synced: RedisJobStore):
    configured(own, maxmemory="1mb")
    with pytest.raises(StoreUnavailable, match="maxmemory"):
        await synced.create(new_job())
