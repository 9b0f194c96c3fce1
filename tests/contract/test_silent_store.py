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

ANSWER_S = 1.0
POOL = 64
"""Connections of one client."""


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
    crowd, took_s = 100, 0.0
    while took_s <= ANSWER_S:  # so small a crowd shows nothing
        crowd *= 2
        begun = time.monotonic()
        assert all(await asyncio.gather(*(front.ask() for _ in range(crowd))))
        took_s = time.monotonic() - begun
    await front.close()


async def test_many_callers_wait_once_and_later_ones_not_at_all(own: EmbeddedValkey, front: Front) -> None:
    assert await front.ask()
    with frozen(own):
        begun = time.monotonic()
        assert not any(await asyncio.gather(*(front.ask() for _ in range(10 * POOL))))
        assert time.monotonic() - begun < 10 * ANSWER_S, "they don't wait one poolful after the other"
        begun = time.monotonic()
        assert not any([await front.ask() for _ in range(300)])
        assert time.monotonic() - begun < 20 * ANSWER_S
    await soon(front.ask)
    assert all(await asyncio.gather(*(front.ask() for _ in range(300))))


async def test_server_that_is_gone_is_told_at_once_and_found_at_once(own: EmbeddedValkey) -> None:
    patient = Front(Settings(REDIS_URL=own.url, redis=RedisSettings(answer_s=5.0)))
    assert await patient.ask()
    await asyncio.to_thread(own.stop)
    begun = time.monotonic()
    assert not any(await asyncio.gather(*(patient.ask() for _ in range(100))))
    assert time.monotonic() - begun < 5.0, "nobody waits to be told"
    await asyncio.to_thread(own.start)
    assert await patient.ask()
    await patient.close()


async def test_closed_while_it_looks(own: EmbeddedValkey, front: Front) -> None:
    with frozen(own):
        assert not await front.ask()
        await front.circuit.close()
        front.circuit.check()
