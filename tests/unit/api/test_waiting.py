"""Waiting for a job's end, whatever the follower is told meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from api.hub import Follower, Hub, Note
from api.services.follow import Followers
from shared.ports import Claim, Seen
from shared.states import JobState
from tests.support.gateway import SPEC, House


class Reads:
    """Counts readings of a job, and says when there is one."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.some = asyncio.Event()
        self._look = house.parts.store.look
        monkeypatch.setattr(house.parts.store, "look", self)

    async def __call__(self, job_id: str) -> Seen:
        self.count += 1
        self.some.set()
        return await self._look(job_id)


@pytest.fixture
async def hub(house: House) -> AsyncIterator[Hub]:
    hub = Hub(house.bus, queue_size=2)
    hearing = asyncio.create_task(hub.run())
    await hub.connected.wait()
    yield hub
    hearing.cancel()
    await asyncio.wait([hearing])


async def lag(house: House, hub: Hub, job_id: str, follower: Follower) -> Claim:
    """Let more happen than the follower can hold, in an attempt that goes on."""
    claim = house.claim(job_id)
    for step in range(4):
        house.progress(claim, step / 10)
    async with asyncio.timeout(30):
        await hub.idle()
    assert await follower.next(0) is Note.LAGGED
    return claim


async def test_waiter_that_lags_doesnt_spin_on_the_store(
    client: httpx2.AsyncClient, house: House, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await house.parts.store.get((await client.post("/api/v1/jobs", json=SPEC)).json()["id"])
    with hub.follow(record.id) as follower:
        await lag(house, hub, record.id, follower)
        reads = Reads(house, monkeypatch)
        found = await Followers(house.parts.store, hub, 20).await_end(follower, Seen(record), 0.2)
    assert found.record.state is JobState.RUNNING
    assert reads.count <= 2  # after it lagged, and perhaps when its time was up
    assert hub.followers == 0


async def test_waiter_that_lagged_still_hears_the_end(
    client: httpx2.AsyncClient, house: House, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await house.parts.store.get((await client.post("/api/v1/jobs", json=SPEC)).json()["id"])
    with hub.follow(record.id) as follower:
        claim = await lag(house, hub, record.id, follower)
        reads = Reads(house, monkeypatch)
        waiting = asyncio.create_task(Followers(house.parts.store, hub, 20).await_end(follower, Seen(record), 60))
        async with asyncio.timeout(20):  # sooner than it would look by itself
            await reads.some.wait()
            house.settle(claim)
            found = await waiting
    assert found.record.state is JobState.COMPLETED
    assert reads.count == 2
