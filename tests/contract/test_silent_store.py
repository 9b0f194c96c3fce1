"""A store that says nothing costs one caller's patience once, however many ask, and is found again by itself."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_registry import RedisWorkerDirectory
from shared.circuit import Circuit
from shared.errors import StoreUnavailable
from shared.settings import RedisSettings, Settings
from tests.support.polling import soon

pytestmark = pytest.mark.service

ANSWER_S = 0.4


class Front:
    """What a gateway asks, over one circuit."""

    def __init__(self, settings: Settings) -> None:
        self.circuit = Circuit(StoreUnavailable)
        self.store = RedisJobStore(settings, self.circuit)
        self.directory = RedisWorkerDirectory(settings, self.circuit)

    async def ask(self) -> bool:
        """As a request does: one part, then another. Whether both answered."""
        try:
            await self.directory.models()
            await self.store.backlog()
        except StoreUnavailable:
            return False
        return True

    async def close(self) -> None:
        await self.circuit.close()
        await self.store.close()
        await self.directory.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
async def front(own: EmbeddedValkey) -> AsyncIterator[Front]:
    front = Front(Settings(REDIS_URL=own.url, redis=RedisSettings(answer_s=ANSWER_S)))
    yield front
    await front.close()


@contextmanager
def frozen(server: EmbeddedValkey) -> Iterator[None]:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


async def test_a_crowd_is_no_silence(own: EmbeddedValkey) -> None:
    front = Front(Settings(REDIS_URL=own.url, redis=RedisSettings(answer_s=ANSWER_S)))
    for _ in range(10):  # connections are made: that takes its time where the machine is busy
        await asyncio.gather(*(front.ask() for _ in range(20)))
    begun = time.monotonic()
    assert all(await asyncio.gather(*(front.ask() for _ in range(2_000))))
    assert time.monotonic() - begun > ANSWER_S, "so small a crowd shows nothing"
    await front.close()


async def test_many_callers_wait_once_and_later_ones_not_at_all(own: EmbeddedValkey, front: Front) -> None:
    assert await front.ask()
    with frozen(own):
        begun = time.monotonic()
        assert not any(await asyncio.gather(*(front.ask() for _ in range(300))))
        assert time.monotonic() - begun < 4 * ANSWER_S
        begun = time.monotonic()
        assert not any([await front.ask() for _ in range(300)])
        assert time.monotonic() - begun < ANSWER_S
    await soon(front.ask)
    assert all(await asyncio.gather(*(front.ask() for _ in range(300))))


async def test_server_that_is_gone_is_told_at_once_and_found_at_once(own: EmbeddedValkey, front: Front) -> None:
    assert await front.ask()
    await asyncio.to_thread(own.stop)
    begun = time.monotonic()
    assert not any(await asyncio.gather(*(front.ask() for _ in range(100))))
    assert time.monotonic() - begun < 2 * ANSWER_S
    await asyncio.to_thread(own.start)
    assert await front.ask()


async def test_closed_while_it_looks(own: EmbeddedValkey, front: Front) -> None:
    with frozen(own):
        assert not await front.ask()
        await front.circuit.close()
        front.circuit.check()
