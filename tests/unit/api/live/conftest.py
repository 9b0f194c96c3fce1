"""A gateway on parts in memory behind a real socket."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from shared.settings import LimitSettings, Settings
from tests.support.gateway import House, StartedServer, serving


@pytest.fixture
def limits() -> LimitSettings:
    """What a test file may replace."""
    return LimitSettings(follower_queue=8, shutdown_s=5)


@pytest.fixture
def house(limits: LimitSettings) -> House:
    return House(Settings(limits=limits))


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as running:
        yield running


@pytest.fixture
async def client(server: StartedServer) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"http://{server.address}", timeout=20) as calls:
        yield calls
