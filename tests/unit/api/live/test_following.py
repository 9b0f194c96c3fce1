"""WebSockets and event streams over real sockets."""

import asyncio
import json

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from shared.jobs import ErrorInfo, Progress
from shared.settings import JobSettings, LimitSettings, Settings
from tests.support.following import events_of, frame, frames_to_end, opened_feeds, socket, submitted
from tests.support.gateway import House, StartedServer, serving

LEFT = ErrorInfo(code="worker-leaves", title="The worker leaves", detail="the worker leaves")
ID = "0e0bf1de-1b0c-4bcb-9a47-c2c8f3cf8a2f"


async def test_socket_tells_a_job_from_its_snapshot_to_its_end(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    async with socket(server, f"jobs/{job_id}") as opened:
        snapshot = await frame(opened)
        assert (snapshot["type"], snapshot["seq"], snapshot["job"]["state"]) == ("snapshot", 1, "PENDING")
        assert not {"spec", "fence", "fingerprint"} & set(snapshot["job"])
        claim = house.claim(job_id)
        house.progress(claim, 0.5)
        house.settle(claim)
        told, code, reason = await frames_to_end(opened)
    assert [(each["type"], each["seq"]) for each in told] == [("state", 2), ("progress", 3), ("state", 4)]
    assert told[-1]["outcome"]["result"]["predictions"][0]["label"] == "b"
    assert (code, reason) == (1000, "the job has ended")


async def test_socket_of_an_ended_job_tells_it_and_closes(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    house.finish(job_id)
    async with socket(server, f"jobs/{job_id}") as opened:
        told, code, _ = await frames_to_end(opened)
    assert [(each["type"], each["job"]["state"]) for each in told] == [("snapshot", "COMPLETED")]
    assert code == 1000


@pytest.mark.parametrize(("after", "expected"), [(0, [1, 2, 3, 4]), (2, [3, 4]), (4, [])])
async def test_socket_resumes_where_its_reader_was(
    after: int, expected: list[int], client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    claim = house.claim(job_id)
    house.progress(claim, 0.5)
    house.settle(claim)
    async with socket(server, f"jobs/{job_id}?after_seq={after}") as opened:
        told, code, _ = await frames_to_end(opened)
    assert [each["seq"] for each in told] == expected
    assert {each["type"] for each in told} <= {"state", "progress"}
    assert code == 1000


async def test_events_no_longer_kept_become_a_snapshot() -> None:
    house = House(Settings(jobs=JobSettings(events_kept=3)))
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        job_id = await submitted(client)
        for _ in range(3):
            claim = house.claim(job_id)
            house.attempts.give_up(job_id, claim.fence, claim.worker, LEFT, costs=False)
        claim = house.claim(job_id)
        async with socket(server, f"jobs/{job_id}?after_seq=2") as opened:
            first = await frame(opened)
            house.settle(claim)
            told, _, _ = await frames_to_end(opened)
        again = events_of((await client.get(f"/api/v1/jobs/{job_id}/events")).text)
    assert (first["type"], first["seq"], first["job"]["state"]) == ("snapshot", 8, "RUNNING")
    assert [each["seq"] for each in told] == [9]
    assert [(each["id"], each["event"]) for each in again] == [("9", "snapshot")]


@pytest.mark.parametrize(("after", "told"), [(0, [1, 2, 12, 13]), (2, [12, 13]), (5, [12, 13]), (12, [13])])
async def test_progress_that_has_news_leaves_no_trace(after: int, told: list[int]) -> None:
    house = House(Settings(jobs=JobSettings(events_kept=4)))
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        claim = house.claim(job_id := await submitted(client))
        for part in range(10):
            house.progress(claim, part / 10)
        house.settle(claim)
        async with socket(server, f"jobs/{job_id}?after_seq={after}") as opened:
            frames, code, _ = await frames_to_end(opened)
    assert [each["seq"] for each in frames] == told
    assert "snapshot" not in {each["type"] for each in frames}
    assert code == 1000


async def test_seq_of_the_future_gets_a_snapshot(client: httpx2.AsyncClient, server: StartedServer) -> None:
    async with socket(server, f"jobs/{await submitted(client)}?after_seq=99") as opened:
        assert (await frame(opened))["type"] == "snapshot"


async def test_many_readers_of_one_job_hear_the_same(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)

    here = asyncio.Barrier(21)

    async def read() -> list[int]:
        async with socket(server, f"jobs/{job_id}?after_seq=0") as opened:
            first = await frame(opened)
            await here.wait()
            told, _, _ = await frames_to_end(opened)
            return [each["seq"] for each in (first, *told)]

    reading = [asyncio.create_task(read()) for _ in range(20)]
    await here.wait()
    claim = house.claim(job_id)
    for part in range(5):
        house.progress(claim, part / 10)
    house.settle(claim)
    assert await asyncio.gather(*reading) == [list(range(1, 9))] * 20


async def test_events_lost_on_the_way_are_read_from_the_store(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    async with socket(server, f"jobs/{job_id}") as opened:
        await frame(opened)
        publish, house.bus.publish = house.bus.publish, lambda _job_id, _event: None
        claim = house.claim(job_id)
        house.progress(claim, 0.3)
        house.bus.publish = publish
        house.progress(claim, 0.6)  # seq 4 comes where 2 was due
        assert [(await frame(opened))["seq"] for _ in range(2)] == [2, 4]
        house.bus.publish = lambda _job_id, _event: None
        house.settle(claim)
        house.bus.publish = publish
        house.bus.interrupt()
        told, code, _ = await frames_to_end(opened)
    assert [each["seq"] for each in told] == [5]
    assert code == 1000


@pytest.mark.parametrize("job_id", [ID, "nonsense"])
async def test_socket_of_an_unknown_job(job_id: str, server: StartedServer) -> None:
    async with socket(server, f"jobs/{job_id}") as opened:
        assert await frames_to_end(opened) == ([], 4404, "There is no such job")


@pytest.mark.parametrize(
    "path",
    [
        f"jobs/{ID}?after_seq=-1",
        f"jobs/{ID}?after_seq={'9' * 5_000}",
        "events?device=TPU",
        "events?label=x",
        "events?kind=magic",
        "events?after_seq=1",
        f"jobs/{ID}?after=1",
    ],
)
async def test_socket_with_a_wrong_query_isnt_opened(path: str, server: StartedServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(server, path):
            pass
    response = refused.value.response
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert json.loads(response.body or b"")["errors"][0]["pointer"].startswith("/")
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_ping_when_nothing_happens(house: House) -> None:
    house.settings = Settings(limits=LimitSettings(ping_s=0.05))
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        job_id = await submitted(client)
        async with socket(server, f"jobs/{job_id}") as one, socket(server, "events") as feed:
            assert [(await frame(one))["type"] for _ in range(3)] == ["snapshot", "ping", "ping"]
            assert [(await frame(feed))["type"] for _ in range(2)] == ["snapshot", "ping"]
        async with client.stream("GET", f"/api/v1/jobs/{job_id}/events?after_seq=1") as stream:
            assert await anext(stream.aiter_lines()) == ": ping"


async def test_feed_tells_what_matches(client: httpx2.AsyncClient, server: StartedServer, house: House) -> None:
    async with (
        socket(server, "events?label=camera:door&label=site:a&kind=inference&device=CPU") as picky,
        socket(server, "events") as everything,
    ):
        await opened_feeds(server, 2)
        labels = {"camera": "door", "site": "a", "more": "x"}
        ids = [
            await submitted(client, labels=labels),
            await submitted(client, labels=labels | {"site": "b"}, device="CPU"),
            await submitted(client, labels=labels, device="CPU"),
        ]
        house.finish(ids[2])
        assert [(await frame(picky))["job_id"] for _ in range(3)] == [ids[2]] * 3
        assert [(await frame(everything))["job_id"] for _ in range(5)] == [*ids, ids[2], ids[2]]


async def test_feed_after_a_gap_tells_its_reader_to_look(server: StartedServer, house: House) -> None:
    async with socket(server, "events") as feed:
        await opened_feeds(server, 1)
        house.bus.interrupt()
        told, code, _ = await frames_to_end(feed)
    assert told == [{"type": "lagged", "resume_after": None}]
    assert code == 1013


async def test_slow_client_is_told_and_closed_and_others_dont_wait(
    client: httpx2.AsyncClient, server: StartedServer, house: House
) -> None:
    job_id = await submitted(client)
    claim = house.claim(job_id)
    message = "x" * 50_000
    async with (
        socket(server, f"jobs/{job_id}", max_queue=1) as slow,
        socket(server, f"jobs/{job_id}", max_queue=None) as quick,
    ):
        for opened in (slow, quick):
            assert (await frame(opened))["type"] == "snapshot"
        slow.transport.pause_reading()
        for step in range(400):
            house.attempts.report(claim, progress_with(message, step / 400))
            assert (await frame(quick))["seq"] == step + 3
        assert server.gateway.hub.followers == 1
        slow.transport.resume_reading()
        told, code, _ = await frames_to_end(slow)
        assert code == 1013
        assert told[-1]["type"] == "lagged"
        resume = told[-1]["resume_after"]
        assert resume == told[-2]["seq"]
        house.settle(claim)
    async with socket(server, f"jobs/{job_id}?after_seq={resume}", max_queue=None) as again:
        told, code, _ = await frames_to_end(again)
    assert [each["seq"] for each in told] == [402, 403], "of progress the newest is kept"
    assert code == 1000


def progress_with(message: str, fraction: float) -> Progress:
    return Progress(fraction=fraction, stage="working", message=message)


async def test_gone_client_is_noticed(client: httpx2.AsyncClient, server: StartedServer) -> None:
    job_id = await submitted(client)
    sockets = [await connect(f"ws://{server.address}/api/v1/ws/{path}") for path in (f"jobs/{job_id}", "events")]
    await opened_feeds(server, 2)
    for opened in sockets:
        opened.transport.abort()
    async with client.stream("GET", f"/api/v1/jobs/{job_id}/events") as stream:
        await anext(stream.aiter_lines())
    async with asyncio.timeout(30):
        await server.gateway.hub.idle()


async def test_clients_that_abort_while_they_are_sent_something_leave_no_trace(
    client: httpx2.AsyncClient, server: StartedServer, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    claim = house.claim(job_id := await submitted(client))
    paths = [f"jobs/{job_id}", "events"] * 3
    async with socket(server, f"jobs/{job_id}", max_queue=None, max_size=None) as quick:
        await frame(quick)
        deaf = [
            await connect(f"ws://{server.address}/api/v1/ws/{path}", max_queue=1, max_size=None) for path in paths
        ]
        await opened_feeds(server, 1 + len(deaf))
        for opened in deaf:
            opened.transport.pause_reading()
        for step in range(7):  # more than the buffers on the way hold: whoever sends to the deaf waits
            house.attempts.report(claim, progress_with("x" * 3_000_000, step / 10))
            await frame(quick)
        for opened in deaf:
            opened.transport.abort()
        async with asyncio.timeout(30):
            await server.gateway.hub.until(lambda followers: followers == 1)
    await server.end()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_event_stream_lets_go_of_who_reads_no_more() -> None:
    house = House(Settings(limits=LimitSettings(ping_s=0.3, follower_queue=1_000, shutdown_s=3)))
    async with serving(house) as server, httpx2.AsyncClient(base_url=f"http://{server.address}") as client:
        claim = house.claim(job_id := await submitted(client))
        host, _, port = server.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1_000)
        request = f"GET /api/v1/jobs/{job_id}/events HTTP/1.1\r\nHost: {server.address}\r\n\r\n"
        writer.write(request.encode())
        await reader.readuntil(b'"seq":2')
        for step in range(20):  # more than all buffers on the way can hold
            house.attempts.report(claim, progress_with("x" * 2_000_000, step / 20))
        async with asyncio.timeout(30):
            await server.gateway.hub.idle()
        writer.transport.abort()


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
        "file://localhost",
    ],
)
async def test_pages_of_strangers_get_no_socket(origin: str, server: StartedServer) -> None:
    for path in (f"jobs/{ID}", "events"):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(server, path, origin=origin):
                pass
        assert refused.value.response.status_code == 403
        problem = json.loads(refused.value.response.body or b"")
        assert problem["type"] == "urn:framelane:error:forbidden-origin"


@pytest.mark.parametrize("origin", [None, "http://localhost:3000", "http://127.0.0.1:5173", "https://[::1]"])
async def test_own_pages_get_a_socket(origin: str | None, server: StartedServer) -> None:
    async with socket(server, f"jobs/{ID}", origin=origin) as opened:
        assert (await frames_to_end(opened))[1] == 4404
