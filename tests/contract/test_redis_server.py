"""Which Redis is refused before anything is entrusted to it."""

from collections.abc import Iterator

import pytest
import redis

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_server import UnfitServer, check_servers, unfit
from shared.settings import BrokerSettings, Settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(autouse=True)
def as_it_was(server: EmbeddedValkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_one_that_throws_away_is_refused_with_the_remedy(
    server: EmbeddedValkey, as_it_was: redis.Redis, policy: str
):
    settings = Settings(REDIS_URL=server.url)
    as_it_was.config_set("maxmemory-policy", policy)
    check_servers(settings)  # without a limit it never does
    as_it_was.config_set("maxmemory", "100mb")

    with pytest.raises(UnfitServer, match=f"{policy}.*CONFIG SET maxmemory-policy noeviction"):
        check_servers(settings)

    as_it_was.config_set("maxmemory-policy", "noeviction")
    check_servers(settings)


def test_the_broker_is_looked_at_too(server: EmbeddedValkey, valkey: EmbeddedValkey, as_it_was: redis.Redis):
    as_it_was.config_set("maxmemory", "100mb")
    as_it_was.config_set("maxmemory-policy", "allkeys-lfu")
    with pytest.raises(UnfitServer):
        check_servers(Settings(REDIS_URL=valkey.url, broker=BrokerSettings(url=server.url)))


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://no-such-host.invalid/0"])
def test_one_that_does_not_answer_is_not_judged(url: str):
    check_servers(Settings(REDIS_URL=url))


def test_one_that_does_not_tell_is_not_judged(server: EmbeddedValkey, as_it_was: redis.Redis):
    as_it_was.config_set("maxmemory", "100mb")
    as_it_was.config_set("maxmemory-policy", "allkeys-lfu")
    as_it_was.acl_setuser("mute", enabled=True, passwords=["+secret"], commands=["+@all", "-info"], keys=["*"])
    check_servers(Settings(REDIS_URL=server.url.replace("redis://", "redis://mute:secret@")))


@pytest.mark.parametrize(
    ("about", "old"),
    [
        ({"redis_version": "6.2.14"}, True),
        ({"redis_version": "6.3.4"}, True),  # KeyDB
        ({"redis_version": "7.0.0"}, False),
        ({"redis_version": "10.1"}, False),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.5", "server_name": "valkey"}, False),
        ({"redis_version": "7.2.4", "valkey_version": "9.0.1-rc1"}, False),
        ({"redis_version": "7.2.4", "valkey_version": "7.1.9"}, True),
        ({}, False),
    ],
)
def test_old_ones_are_refused(about: dict[str, str], old: bool):
    reason = unfit(about)
    assert (reason is not None) == old
    assert not old or "too old" in reason  # type: ignore[operator]
