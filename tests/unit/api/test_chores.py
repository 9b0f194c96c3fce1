"""A gateway keeps jobs going while no worker lives."""

import asyncio
import threading

import httpx2

from shared.errors import StoreUnavailable
from tests.support.gateway import SPEC, House, calling


async def test_job_of_a_lost_worker_is_queued_again(client: httpx2.AsyncClient, house: House) -> None:
    job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
    assert await house.take() == job_id
    assert house.attempts.claim(job_id, "cpu-1", 0.01) is not None
    assert await house.take() == job_id
    job = (await client.get(f"/api/v1/jobs/{job_id}")).json()
    assert (job["state"], job["attempts"][0]["error"]["code"]) == ("PENDING", "lost")


async def test_nothing_ends_it(house: House) -> None:
    faults = [RuntimeError("a bug"), StoreUnavailable("away")]
    tended = threading.Event()
    lapsed = house.attempts.lapsed

    def faulty(limit: int = 100):
        if faults:
            raise faults.pop()
        tended.set()
        return lapsed(limit)

    house.attempts.lapsed = faulty
    async with calling(house):
        assert await asyncio.to_thread(tended.wait, 10)
    assert faults == []
