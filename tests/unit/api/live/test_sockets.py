"""Sockets that are only told something, over real connections."""

import asyncio
import json

import httpx2
import pytest
from websockets.asyncio.client import connect

from shared.errors import StoreUnavailable
from shared.jobs import Progress
from shared.settings import LimitSettings, Settings
from shared.socket_settings import SocketSettings
from tests.support.following import frame, frames_to_end, opened_feeds, socket, submitted
from tests.support.gateway import House, StartedServer, serving


async def test_what_a_listener_says_is_dropped(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    async with socket(server, f"jobs/{job_id}") as opened:
        await opened.send("before it was told anything")
        assert (await frame(opened))["type"] == "snapshot"
        for word in ("hello", b"\x00", ["in ", "pieces"]):
            await opened.send(word)
        async with asyncio.timeout(20):
            await (await opened.ping())
        house.finish(job_id)
        told, code, _ = await frames_to_end(opened)
    assert [each["seq"] for each in told] == [2, 3]
    assert code == 1000


@pytest.mark.parametrize("compression", [False, True])
async def test_compression_is_a_setting(compression: bool) -> None:
    house = House(Settings(sockets=SocketSettings(compression=compression)))
    async with (
        serving(house) as server,
        httpx2.AsyncClient(base_url=f"http://{server.address}") as client,
        socket(server, f"jobs/{await submitted(client)}", compression="deflate") as opened,
    ):
        assert bool(opened.protocol.extensions) is compression
        assert (await frame(opened))["type"] == "snapshot"


async def test_store_that_fails_sends_followers_away(
    client: httpx2.AsyncClient, server: StartedServer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await submitted(client)

    async def unavailable(*_: object) -> None:
        raise StoreUnavailable

    for name in ("get", "find"):
        monkeypatch.setattr(house.parts.store, name, unavailable)
    for path in (f"jobs/{job_id}", "events"):
        async with socket(server, path) as opened:
            told, code, _ = await frames_to_end(opened)
        assert (told, code) == ([], 1013)
    async with asyncio.timeout(10):
        await server.gateway.hub.idle()


async def test_client_that_takes_nothing_is_cut_off() -> None:
    house = House(Settings(limits=LimitSettings(ping_s=0.3, follower_queue=1_000)))
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        claim = house.claim(job_id := await submitted(client))
        async with connect(f"ws://{server.address}/api/v1/ws/jobs/{job_id}", max_queue=1) as deaf:
            deaf.transport.pause_reading()
            await opened_feeds(server, 1)
            for step in range(20):  # more than all buffers on the way can hold
                house.attempts.report(claim, Progress(fraction=step / 20, stage="x", message="x" * 2_000_000))
            async with asyncio.timeout(10):
                await server.gateway.hub.idle()
            deaf.transport.abort()


async def test_request_is_forgotten_while_its_socket_is_told_more(server: StartedServer, house: House) -> None:
    async with httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        job_id = await submitted(client)
    async with socket(server, f"jobs/{job_id}") as opened:
        assert json.loads(await opened.recv())["type"] == "snapshot"
        (connection,) = [each for each in server.server_state.connections if hasattr(each, "say")]
        assert not hasattr(connection, "scope")
        house.finish(job_id)
        assert (await frames_to_end(opened))[1] == 1000
