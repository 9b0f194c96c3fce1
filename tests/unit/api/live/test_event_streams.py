"""Event streams over real sockets, and the end of everything that follows."""

import asyncio

import httpx2

from shared.events import FRAME
from tests.support.following import events_of, frame, frames_to_end, opened_feeds, socket, submitted
from tests.support.gateway import House, StartedServer, serving


async def test_event_stream_replays_goes_on_and_ends(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    claim = house.claim(job_id)

    async def read() -> httpx2.Response:
        return await client.get(f"/api/v1/jobs/{job_id}/events")

    reading = asyncio.create_task(read())
    await opened_feeds(server, 1)
    house.progress(claim, 0.5)
    house.settle(claim)
    answer = await reading
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events_of(answer.text)
    assert [(each["id"], each["event"]) for each in told] == [
        ("1", "state"),
        ("2", "state"),
        ("3", "progress"),
        ("4", "state"),
    ]
    for each in told:
        FRAME.validate_json(each["data"])


async def test_event_stream_resumes(client: httpx2.AsyncClient, house: House) -> None:
    job_id = await submitted(client)
    house.finish(job_id)
    url = f"/api/v1/jobs/{job_id}/events"
    assert [each["id"] for each in events_of((await client.get(f"{url}?after_seq=1")).text)] == ["2", "3"]
    last = await client.get(f"{url}?after_seq=0", headers={"Last-Event-ID": "2"})
    assert [each["id"] for each in events_of(last.text)] == ["3"]
    nothing = await client.get(url, headers={"Last-Event-ID": "3"})
    assert (nothing.status_code, nothing.content) == (204, b"")
    for wrong in ("x", "-1", "9" * 19, "9" * 5_000):
        refused = await client.get(url, headers={"Last-Event-ID": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/Last-Event-ID")
        refused = await client.get(f"{url}?after_seq={wrong}")
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/after_seq")
    longest = await client.get(url, headers={"Last-Event-ID": "9" * 18})
    assert [each["event"] for each in events_of(longest.text)] == ["snapshot"]


async def test_shutdown_tells_every_follower_and_waiter(house: House) -> None:
    async with (
        serving(house) as server,
        httpx2.AsyncClient(base_url=f"http://{server.address}", timeout=20) as client,
    ):
        job_id = await submitted(client)
        async with socket(server, f"jobs/{job_id}") as one, socket(server, "events") as feed:
            await frame(one)
            waiting = asyncio.create_task(client.get(f"/api/v1/jobs/{job_id}?wait=60"))
            stream = asyncio.create_task(client.get(f"/api/v1/jobs/{job_id}/events"))
            await opened_feeds(server, 4)
            await server.end()
            for opened in (one, feed):
                assert (await frames_to_end(opened))[1] == 1001
            assert (await waiting).json()["state"] == "PENDING"
            assert len(events_of((await stream).text)) == 1
