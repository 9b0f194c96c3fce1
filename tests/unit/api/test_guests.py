"""Sockets and event streams end with the key they were opened with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect

from api.services.gate import Gate
from api.services.guests import Guests
from client.sdk import ApiProblem, AsyncFramelane
from shared.access import ApiKey, Role, key_id_of
from shared.access_settings import AuthSettings
from shared.adapters.memory import MemoryKeyStore
from shared.errors import StoreUnavailable
from shared.new_keys import NewKey, made
from tests.support.access import ADMIN_KEY, asking, bearer, key_for
from tests.support.gateway import SPEC, House, StartedServer, serving
from tests.support.polling import soon

_SOON_S = 20
_AUTH = AuthSettings(mode="keys", admin_key=SecretStr(ADMIN_KEY), recheck_s=0.05, open_recheck_s=0.05)


class CountedKeys(MemoryKeyStore):
    """Counts look-ups, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.away = False

    async def get(self, key_id: str) -> ApiKey | None:
        self.asked.append(key_id)
        if self.away:
            raise StoreUnavailable
        return await super().get(key_id)


async def test_each_key_is_looked_at_once_for_all_that_came_with_it() -> None:
    keys = CountedKeys()
    guests = Guests(Gate(keys, AuthSettings(mode="keys")), every_s=60)
    left: list[str] = []
    tokens: list[str] = []
    for name in ("stays", "goes"):
        key, token = made(NewKey(name=name))
        await keys.add(key)
        tokens.append(token)
        for number in range(50):
            guests.come(token, lambda name=name, number=number: left.append(f"{name} {number}"))
    await guests.look()
    assert (len(keys.asked), left, guests.open) == (2, [], 100)
    await keys.remove(keys.asked[1])
    keys.away = True
    await guests.look()
    assert left == [], "nobody could tell"
    keys.away = False
    await guests.look()
    assert sorted(left) == sorted(f"goes {number}" for number in range(50))


async def test_who_has_left_is_forgotten() -> None:
    guests = Guests(Gate(MemoryKeyStore(), AuthSettings(mode="keys")), every_s=60)
    with guests.staying("a", print):
        assert guests.open == 1
    guests.go("a", print)
    assert guests.open == 0


@pytest.fixture
def house() -> House:
    return asking(_AUTH)


@pytest.fixture
async def server(house: House) -> AsyncIterator[StartedServer]:
    async with serving(house) as server:
        yield server


async def _revoke(house: House, token: str) -> None:
    await house.keys.remove(key_id_of(token) or "")


async def _outlive(house: House, token: str) -> None:
    key = await house.keys.remove(key_id_of(token) or "")
    await house.keys.add(key.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)}))


@pytest.mark.parametrize("end", [_revoke, _outlive])
@pytest.mark.parametrize("path", ["events", "jobs/{job_id}", "sessions?model=asl"])
async def test_sockets_are_closed(end, path: str, house: House, server: StartedServer) -> None:
    going, staying = await key_for(house, Role.SUBMITTER), await key_for(house, Role.SUBMITTER)
    base = f"{server.address}/api/v1"
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(httpx2.AsyncClient(base_url=f"http://{base}"))
        job_id = (await client.post("/jobs", json=SPEC, headers=bearer(going))).json()["id"]
        url = f"ws://{base}/ws/{path.format(job_id=job_id)}"
        first, second, other = [
            await opened.enter_async_context(connect(url, additional_headers=bearer(token)))
            for token in (going, going, staying)
        ]
        for socket in (first, second, other):
            await asyncio.wait_for(socket.recv(), _SOON_S)
        await end(house, going)
        assert [await _closed(socket) for socket in (first, second)] == [4401, 4401]
        pong = await other.ping()
        await asyncio.wait_for(pong, _SOON_S)
        assert server.gateway.guests.open == 1
    await soon(lambda: _nobody_stays(server))


async def _closed(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(_SOON_S):
        await socket.wait_closed()
    return socket.close_code


async def _nobody_stays(server: StartedServer) -> bool:
    return server.gateway.guests.open == 0


@pytest.mark.parametrize("path", ["jobs/{job_id}/events", "jobs/{job_id}/metadata/stream", "metrics/stream"])
async def test_event_streams_end(path: str, house: House, server: StartedServer) -> None:
    token = await key_for(house, Role.SUBMITTER)
    async with httpx2.AsyncClient(base_url=f"http://{server.address}/api/v1", headers=bearer(token)) as client:
        job_id = (await client.post("/jobs", json=SPEC)).json()["id"]
        async with asyncio.timeout(_SOON_S), client.stream("GET", f"/{path.format(job_id=job_id)}") as told:
            assert told.status_code == 200
            assert server.gateway.guests.open == 1
            await _revoke(house, token)
            async for _ in told.aiter_bytes():  # an end that isn't said would be an error
                pass
    assert server.gateway.guests.open == 0


@pytest.mark.parametrize("way", ["follow", "events", "records"])
async def test_a_client_is_told_why_and_does_not_come_back(way: str, house: House, server: StartedServer) -> None:
    token = await key_for(house, Role.SUBMITTER)
    async with AsyncFramelane(f"http://{server.address}", key=token) as client:
        job = await client.submit(SPEC)
        news = getattr(client, way)(job.id)

        async def read() -> None:
            async for _ in news:
                pass

        reading = asyncio.create_task(read())

        async def here() -> bool:
            return server.gateway.guests.open == 1

        await soon(here)
        await _revoke(house, token)
        with pytest.raises(ApiProblem) as refused:
            await asyncio.wait_for(reading, _SOON_S)
        assert refused.value.status == 401


async def test_nobody_is_looked_at_where_nobody_is_asked() -> None:
    async with serving(House()) as server, connect(f"ws://{server.address}/api/v1/ws/events"):
        assert server.gateway.guests.open == 0
