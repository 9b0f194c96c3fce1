"""Keys and counters of requests, in memory and in a real store."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.access import Role
from shared.access_errors import KeyNotFound
from shared.adapters.memory import MemoryKeyStore
from shared.adapters.redis_keys import RedisKeyStore
from shared.new_keys import NewKey, made
from shared.ports.keys import KeyStore
from shared.settings import Settings

_LONG_S = 3_600.0


@pytest.fixture(params=["memory", "redis"])
async def keys(request: pytest.FixtureRequest) -> AsyncIterator[KeyStore]:
    if request.param == "memory":
        yield MemoryKeyStore()
        return
    settings: Settings = request.getfixturevalue("settings")
    store = RedisKeyStore(settings)
    yield store
    await store.close()


async def test_a_key_is_kept_found_and_revoked(keys: KeyStore) -> None:
    now = datetime.now(UTC)
    first, token = made(NewKey(name="door", role=Role.VIEWER, days=1), now)
    second, other = made(NewKey(name="lab", tenant="acme"), now + timedelta(seconds=1))
    for key in (second, first):
        await keys.add(key)
    assert await keys.all() == [first, second]
    found = await keys.get(first.id)
    assert found == first
    assert found.is_of(token)
    assert not found.is_of(other)
    assert await keys.remove(first.id) == first
    assert await keys.get(first.id) is None
    with pytest.raises(KeyNotFound):
        await keys.remove(first.id)


async def test_as_many_requests_as_the_limit_and_no_more(keys: KeyStore) -> None:
    told = [await keys.spend("a", 3, _LONG_S) for _ in range(5)]
    assert [each.allowed for each in told] == [True, True, True, False, False]
    assert [each.left for each in told[:3]] == [2, 1, 0]
    assert 0 < told[4].again_in_s <= _LONG_S
    assert (await keys.spend("b", 3, _LONG_S)).allowed


async def test_the_window_slides() -> None:
    now = 0.0
    keys = MemoryKeyStore(clock=lambda: now)
    for _ in range(10):
        assert (await keys.spend("a", 10, 60)).allowed
    now = 75.0
    allowed = [(await keys.spend("a", 10, 60)).allowed for _ in range(4)]
    assert allowed == [True, True, False, False]  # three quarters of the ten still count
    refused = await keys.spend("a", 10, 60)
    now += refused.again_in_s
    assert (await keys.spend("a", 10, 60)).allowed
