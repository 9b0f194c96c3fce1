"""Followers miss nothing: what was published and lost is found in the records, by one look for all."""

import asyncio
import uuid
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from api.hub import Hub, Note
from api.services.lookout import MOST_AT_ONCE, Lookout
from shared.settings import LimitSettings
from tests.support.following import events_of, frame, frames_to_end, opened_feeds, socket, submitted
from tests.support.gateway import SPEC, House, StartedServer
from tests.support.polling import soon

LOOK_S = 0.1


@pytest.fixture
def limits() -> LimitSettings:
    return LimitSettings(recheck_s=LOOK_S, shutdown_s=5)


def mute(house: House) -> None:
    """What is published gets lost, and nobody is told."""
    house.bus.publish = lambda _job_id, _event: None


async def _both_kept(house: House) -> bool:
    return len(house.kept) == 2


async def test_end_that_nobody_was_told_reaches_every_follower(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    async with socket(server, f"jobs/{job_id}") as opened, asyncio.timeout(20), asyncio.TaskGroup() as group:
        assert (await frame(opened))["seq"] == 1
        told = group.create_task(frames_to_end(opened))
        stream = group.create_task(client.get(f"/api/v1/jobs/{job_id}/events"))
        poll = group.create_task(client.get(f"/api/v1/jobs/{job_id}?wait=30"))
        wait = group.create_task(client.post("/api/v1/jobs", json=SPEC, headers={"Prefer": "wait=30"}))
        await opened_feeds(server, 4)
        await soon(lambda: _both_kept(house))  # who waits for a new job follows it before it is made
        mute(house)
        house.finish(job_id)
        house.finish(house.kept[-1])
    frames, code, _ = told.result()
    assert ([each["seq"] for each in frames], code) == ([2, 3], 1000)
    assert [each["id"] for each in events_of(stream.result().text)] == ["1", "2", "3"]
    assert poll.result().json()["state"] == "COMPLETED"
    assert (wait.result().status_code, wait.result().json()["state"]) == (200, "COMPLETED")


async def test_job_that_is_gone_lets_its_followers_go(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    async with socket(server, f"jobs/{job_id}") as opened, asyncio.timeout(20), asyncio.TaskGroup() as group:
        await frame(opened)
        stream = group.create_task(client.get(f"/api/v1/jobs/{job_id}/events"))
        poll = group.create_task(client.get(f"/api/v1/jobs/{job_id}?wait=30"))
        await opened_feeds(server, 3)
        house.jobs.jobs.clear()
        frames, code, reason = await frames_to_end(opened)
    assert (frames, code, reason) == ([{"type": "gone"}], 4404, "the job isn't kept any more")
    assert [each["event"] for each in events_of(stream.result().text)] == ["state", "gone"]
    assert (poll.result().status_code, poll.result().json()["type"]) == (404, "urn:framelane:error:job-not-found")
    assert server.gateway.hub.followers == 0


async def test_another_job_under_the_same_id_is_told_from_its_beginning(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = str(uuid.uuid4())
    url = f"/api/v1/jobs/{job_id}"
    await client.put(url, json=SPEC)
    house.progress(house.claim(job_id), 0.5)
    async with socket(server, f"jobs/{job_id}") as opened, asyncio.timeout(20):
        assert (await frame(opened))["seq"] == 3
        house.jobs.jobs.clear()
        await client.put(url, json=SPEC)
        again = await frame(opened)
        assert (again["type"], again["seq"]) == ("snapshot", 1)
        house.finish(job_id)
        assert [each["seq"] for each in (await frames_to_end(opened))[0]] == [2, 3]


async def status_with_warnings(client: httpx2.AsyncClient, house: House) -> dict[str, Any]:
    """After all records were replaced by others."""
    house.jobs.identity = "another"
    async with asyncio.timeout(20):
        while not (status := (await client.get("/api/v1/status")).json())["warnings"]:
            pass
    return status


async def test_loss_of_all_records_is_told(client: httpx2.AsyncClient, house: House) -> None:
    before = (await client.get("/api/v1/status")).json()
    assert (before["records_since"], before["warnings"]) == (None, [])
    with capture_logs() as logged:
        status = await status_with_warnings(client, house)
    assert [each["event"] for each in logged if each["log_level"] == "error"] == ["records_lost"]
    assert status["records_since"][:19] in status["warnings"][0]
    assert (await client.get("/health/ready")).status_code == 200


class Counting:
    """A store of jobs that are all at seq 7, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def seqs(self, job_ids: list[str]) -> dict[str, int]:
        self.asked.append(len(job_ids))
        return dict.fromkeys(job_ids, 7)

    async def identity(self) -> str:
        return "one"


async def test_one_look_for_all_and_only_those_behind_are_told(house: House) -> None:
    hub, store = Hub(house.bus, 4), Counting()
    lookout = Lookout(store, hub, LOOK_S)  # type: ignore[arg-type]  the part of the store it asks
    known = [hub.follow(f"job-{number}") for number in range(MOST_AT_ONCE + 1)]
    followers = [each.__enter__() for each in known]
    with hub.follow("job-0") as behind:
        for each in followers:
            each.knows(7)
        behind.knows(6)
        await lookout.look()
        assert store.asked == [MOST_AT_ONCE, 1]
        assert await behind.next(0) is Note.GAP
        assert {await each.next(0) for each in followers} == {Note.IDLE}
    for each in known:
        each.__exit__(None, None, None)
