"""A feed of many jobs: how they are, then what happens, each of it once."""

import asyncio
from contextlib import aclosing
from typing import Any

import httpx2
import pytest
from pydantic_core import from_json
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from api.hub import Hub
from api.services.feed import Feed, wanted
from api.services.follow import End, Frame
from shared.errors import StoreUnavailable
from shared.ports import JobPage, JobQuery
from shared.settings import LimitSettings, Settings
from tests.support.gateway import SPEC, House, serving

PING_S = 20.0


async def submitted(client: httpx2.AsyncClient, count: int, **changes: Any) -> list[str]:
    answers = [await client.post("/api/v1/jobs", json=SPEC | changes) for _ in range(count)]
    return [answer.json()["id"] for answer in answers]


def snapshots(told: list[Frame]) -> list[tuple[str, str]]:
    """Ids and states of the snapshots."""
    jobs = [from_json(frame.raw)["job"] for frame in told if frame.type == "snapshot"]
    return [(job["id"], job["state"]) for job in jobs]


async def taken(frames: Any, count: int) -> list[Frame]:
    async with asyncio.timeout(30):
        return [await anext(frames) for _ in range(count)]


async def test_socket_begins_with_unfinished_jobs_and_goes_on_with_events(house: House) -> None:
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        ended, running, waiting = await submitted(client, 3, labels={"site": "a"})
        await submitted(client, 1, labels={"site": "b"})
        house.finish(ended)
        claim = house.claim(running)
        async with connect(f"ws://{server.address}/api/v1/ws/events?label=site:a") as feed:
            first = [from_json(await feed.recv()) for _ in range(2)]
            assert [(told["type"], told["seq"], told["job"]["id"]) for told in first] == [
                ("snapshot", 1, waiting),
                ("snapshot", 2, running),
            ]
            house.progress(claim, 0.5)
            house.settle(claim)
            (new,) = await submitted(client, 1, labels={"site": "a"})
            told = [from_json(await feed.recv()) for _ in range(3)]
    assert [(each["type"], each["seq"], each["job_id"]) for each in told] == [
        ("progress", 3, running),
        ("state", 4, running),
        ("state", 1, new),
    ]


async def test_what_happens_while_the_snapshots_are_read_is_told_once(
    client: httpx2.AsyncClient, house: House
) -> None:
    """A claim between the two readings is in the snapshot; its event isn't told again, later ones are."""
    (job_id,) = await submitted(client, 1)
    hub = Hub(house.bus, 8)
    hearing = asyncio.create_task(hub.run())
    await hub.connected.wait()
    query = JobQuery(limit=2)
    find, claims = house.parts.store.find, []

    async def claim_after(asked: JobQuery) -> JobPage:
        page = await find(asked)
        if not claims:
            claims.append(house.claim(job_id))
        return page

    store = house.parts.store
    store.find = claim_after  # type: ignore[method-assign]
    with hub.follow_all(wanted(query)) as follower:
        async with aclosing(Feed(store, follower, query, PING_S).frames()) as frames:
            told = await taken(frames, 1)
            house.progress(claims[0], 0.5)
            told += await taken(frames, 1)
    hearing.cancel()
    assert snapshots(told) == [(job_id, "RUNNING")]
    assert [(each.type, each.seq) for each in told] == [("snapshot", 2), ("progress", 3)]


async def test_snapshots_are_bounded_and_the_newest(client: httpx2.AsyncClient, house: House) -> None:
    ids = await submitted(client, 14)
    for job_id in ids[:3]:
        house.claim(job_id)
    query = JobQuery(limit=2)
    hub = Hub(house.bus, 8)
    with hub.follow_all(wanted(query)) as follower:
        async with aclosing(Feed(house.parts.store, follower, query, 0.01).frames()) as frames:
            told = await taken(frames, 11)
    assert [job_id for job_id, _ in snapshots(told)] == ids[:-11:-1]
    assert told[-1].type == "ping"


async def test_feed_ends_when_the_process_stops(house: House) -> None:
    hub = Hub(house.bus, 8)
    with hub.follow_all(wanted(JobQuery())) as follower:
        await hub.close(0)
        items = [item async for item in Feed(house.parts.store, follower, JobQuery(), PING_S).frames()]
    assert items == [End.CLOSING]


async def test_without_the_store_the_reader_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(Settings(limits=LimitSettings(shutdown_s=2)))

    async def away(_query: JobQuery) -> JobPage:
        raise StoreUnavailable

    async with serving(house) as server:
        monkeypatch.setattr(house.parts.store, "find", away)
        async with asyncio.timeout(30), connect(f"ws://{server.address}/api/v1/ws/events") as feed:
            with pytest.raises(ConnectionClosedError):
                await feed.recv()
            assert feed.close_code == 1013
        async with asyncio.timeout(30):
            await server.gateway.hub.idle()
