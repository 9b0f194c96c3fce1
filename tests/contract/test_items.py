"""Megabytes come out of a list as they went in, or an error tells."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.exceptions import ResponseError

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_connection import BlockingRedis
from shared.errors import StoreUnavailable
from shared.settings import Settings

pytestmark = pytest.mark.service

USUAL = 1_000
ITEMS = [
    random.Random(7).randbytes(size) for size in (USUAL, 3 * USUAL, 0, 1, USUAL, 999, 100_000, USUAL, 2, 70_000)
]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def reader(own: EmbeddedValkey) -> Iterator[BlockingRedis]:
    with redis.Redis.from_url(own.url) as client:
        client.rpush("list", *ITEMS)
        client.set("text", "no list")
    reader = BlockingRedis(Settings.model_validate({"redis_url": own.url}))
    yield reader
    reader.close()


@pytest.mark.parametrize("counts", [[10], [1] * 10, [3, 4, 3], [2, 5], [1], [0, 4], []])
def test_they_come_as_they_are(reader: BlockingRedis, counts: list[int]) -> None:
    rest = iter(ITEMS)
    wanted = [b"".join(next(rest) for _ in range(count)) for count in counts]
    for _ in range(2):
        assert reader.joined("list", counts, USUAL) == wanted


def test_fewer_than_there_should_be(reader: BlockingRedis) -> None:
    assert reader.joined("list", [8, 5, 2], USUAL) == [b"".join(ITEMS[:8]), b"".join(ITEMS[8:]), b""]
    assert reader.joined("nothing", [3], USUAL) == [b""]
    assert reader.command("PING")


def test_what_is_no_list_is_told_and_the_next_goes_well(reader: BlockingRedis) -> None:
    with pytest.raises(ResponseError, match="wrong kind"):
        reader.joined("text", [9], USUAL)
    assert reader.joined("list", [1], USUAL) == ITEMS[:1]


def test_a_server_that_is_gone(own: EmbeddedValkey, reader: BlockingRedis) -> None:
    assert reader.command("PING")
    own.stop()
    with pytest.raises(StoreUnavailable):
        reader.joined("list", [1], USUAL)
    own.start()
    assert reader.joined("nothing", [1], USUAL) == [b""]
