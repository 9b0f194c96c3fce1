"""A gateway on parts in memory for every test of this room."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.support.gateway import House, calling


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(house) as calls:
        yield calls
