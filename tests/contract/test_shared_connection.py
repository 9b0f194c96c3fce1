"""Scripts of many callers over one connection: each hears its own answer, whatever becomes of the others."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from redis.exceptions import ResponseError

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_connection import AsyncRedis, Script
from shared.errors import StoreUnavailable
from shared.settings import Settings

pytestmark = pytest.mark.service

ECHO = Script.of("return ARGV[1]")
FAULTY = Script.of("return redis.error_reply('ODD ' .. ARGV[1])")
_MEGABYTE = 1024 * 1024


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
async def asker(own: EmbeddedValkey) -> AsyncIterator[AsyncRedis]:
    asker = AsyncRedis(Settings.model_validate({"redis_url": own.url}))
    yield asker
    await asker.close()


def connections(own: EmbeddedValkey) -> list[str]:
    with redis.Redis.from_url(own.url) as client:
        return [each["id"] for each in client.client_list() if each["cmd"] != "client|list"]


async def test_each_hears_its_own(own: EmbeddedValkey, asker: AsyncRedis) -> None:
    said = [f"{number}".encode() * (number % 50 + 1) for number in range(1_000)]
    assert await asyncio.gather(*(asker.run(ECHO, each) for each in said)) == said
    assert len(connections(own)) == 1


async def test_a_large_argument_comes_as_it_is(asker: AsyncRedis) -> None:
    large = bytes(range(256)) * (_MEGABYTE // 256)
    assert await asyncio.gather(asker.run(ECHO, large), asker.run(ECHO, b"small")) == [large, b"small"]


async def test_an_error_is_one_callers(asker: AsyncRedis) -> None:
    asked = [asker.run(FAULTY if number % 2 else ECHO, str(number)) for number in range(100)]
    for number, answer in enumerate(await asyncio.gather(*asked, return_exceptions=True)):
        if number % 2:
            assert isinstance(answer, ResponseError)
            assert str(number) in str(answer)
        else:
            assert answer == str(number).encode()


async def test_who_leaves_takes_nobodys_answer_along(asker: AsyncRedis) -> None:
    asked = [asyncio.create_task(asker.run(ECHO, str(number))) for number in range(100)]
    await asyncio.sleep(0)
    for each in asked[::3]:
        each.cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(answers[number] == str(number).encode() for number in range(100) if number % 3)
    assert await asker.run(ECHO, "later") == b"later"


async def test_who_leaves_while_it_is_opened_leaves_it_to_the_others(asker: AsyncRedis) -> None:
    first, second = (asyncio.create_task(asker.run(ECHO, name)) for name in ("first", "second"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"second"


async def test_a_lost_connection_is_told_at_once_and_made_anew(own: EmbeddedValkey, asker: AsyncRedis) -> None:
    assert await asker.run(ECHO, "before") == b"before"
    assert own.process is not None
    own.process.send_signal(signal.SIGSTOP)
    waiting = asyncio.create_task(asker.run(ECHO, "never"))
    await asyncio.sleep(0)
    own.process.kill()
    with pytest.raises(StoreUnavailable, match="connection is lost"):
        await waiting
    await asyncio.to_thread(own.stop)
    await asyncio.to_thread(own.start)
    assert await asker.run(ECHO, "after") == b"after"


async def test_its_end_waits_for_nobody(own: EmbeddedValkey) -> None:
    asker = AsyncRedis(Settings.model_validate({"redis_url": own.url, "redis": {"answer_s": 0.2}}))
    assert await asker.run(ECHO, "before") == b"before"
    assert own.process is not None
    own.process.send_signal(signal.SIGSTOP)
    try:
        # More than the sockets hold, so that some of it is never sent.
        large = await asker.ask(b"ECHO", bytes(64 * _MEGABYTE))
        with pytest.raises(redis.TimeoutError):
            await large
        with pytest.raises(StoreUnavailable):
            await asker.run(ECHO, "by another one")
        async with asyncio.timeout(5):
            await asker.close()
    finally:
        own.process.send_signal(signal.SIGCONT)
