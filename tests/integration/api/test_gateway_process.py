"""The gateway as it really runs: its own process, a real Valkey, real sockets, Celery's messages in the queue."""

import asyncio
import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_jobs import RedisAttemptStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.jobs import Completed, Progress
from shared.results import InstalledModel
from shared.settings import RedisSettings, Settings
from tests.support.gateway import HAND, LETTER, SPEC, result_of, worker
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.servers import free_ports

pytestmark = pytest.mark.service

TOLD_S = 10.0
"""A second is promised; a busy machine gets more, far below how long a call to a dead server would hang."""
JSON = {"content-type": "application/json"}


class Crew:
    """What workers would do, over the real store."""

    def __init__(self, settings: Settings) -> None:
        self.store = RedisAttemptStore(settings)
        beacon = RedisWorkerBeacon(settings)
        beacon.announce(worker("cpu"), 600)
        for name in ("asl", "hand_landmarker"):
            beacon.install(
                InstalledModel(
                    name=name,
                    version="0" * 16,
                    files=[],
                    variants=[],
                    source="test",
                    installed_at="2026-01-01T00:00:00Z",
                )
            )
        beacon.close()

    def finish(self, job_id: str) -> None:
        claim = self.store.claim(job_id, "cpu-1", 60)
        assert claim is not None
        self.store.report(claim, Progress(fraction=0.5, stage="working"))
        self.store.settle(claim, Completed(result=result_of(LETTER)))


@pytest.fixture
def crew(settings: Settings) -> Iterator[Crew]:
    crew = Crew(settings)
    yield crew
    crew.store.close()


@pytest.fixture
def gateway(settings: Settings, crew: Crew, tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway_process(settings, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared_crew(module_settings: Settings) -> Iterator[Crew]:
    crew = Crew(module_settings)
    yield crew
    crew.store.close()


@pytest.fixture(scope="module")
def shared(
    module_settings: Settings, shared_crew: Crew, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """For tests that leave it running and ask for their own jobs only."""
    with gateway_process(module_settings, tmp_path_factory.mktemp("shared")) as running:
        yield running


async def told(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        return json.loads(await socket.recv())


async def test_job_goes_through_another_gateway_than_it_came_in_by(
    gateway: GatewayProcess, crew: Crew, settings: Settings, tmp_path: Path
) -> None:
    with gateway_process(settings, tmp_path) as other:
        async with httpx2.AsyncClient(base_url=gateway.url) as client:
            job_id = (await client.post("/api/v1/jobs", json=SPEC | {"priority": 9})).json()["id"]
        queued = Redis.from_url(settings.store_url).keys(f"{settings.redis.prefix}:broker:cpu*")
        assert len(queued) == 1
        async with connect(f"ws://{other.address}/api/v1/ws/jobs/{job_id}") as socket:
            assert (await told(socket))["type"] == "snapshot"
            async with httpx2.AsyncClient(base_url=other.url, timeout=20) as client:
                waiting = asyncio.create_task(client.get(f"/api/v1/jobs/{job_id}?wait=20"))
                await asyncio.to_thread(crew.finish, job_id)
                assert [(await told(socket))["seq"] for _ in range(3)] == [2, 3, 4]
                assert (await waiting).json()["state"] == "COMPLETED"
                stream = await client.get(f"/api/v1/jobs/{job_id}/events?after_seq=2")
        assert stream.text.count("\nid: ") == 2


async def test_same_key_at_the_same_time_is_one_job(shared: GatewayProcess) -> None:
    spec = SPEC | {"labels": {"for": "one"}}
    async with httpx2.AsyncClient(base_url=shared.url, timeout=20) as client:
        asked = [client.post("/api/v1/jobs", json=spec, headers={"Idempotency-Key": "k"}) for _ in range(50)]
        answers = await asyncio.gather(*asked)
        listed = (await client.get("/api/v1/jobs?label=for:one")).json()["jobs"]
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    assert {answer.json()["id"] for answer in answers} == {job["id"] for job in listed}
    assert len(listed) == 1


async def test_signal_ends_it_with_everything_open(gateway: GatewayProcess) -> None:
    async with httpx2.AsyncClient(base_url=gateway.url, timeout=30) as client:
        job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
        sockets = [
            await connect(f"ws://{gateway.address}/api/v1/ws/{path}")
            for path in (f"jobs/{job_id}", f"jobs/{job_id}?after_seq=1", "events")
        ]
        # One that doesn't even read any more, and so never says goodbye.
        deaf = await connect(f"ws://{gateway.address}/api/v1/ws/jobs/{job_id}")
        deaf.transport.pause_reading()
        assert (await told(sockets[0]))["type"] == "snapshot"
        waiting = asyncio.create_task(client.get(f"/api/v1/jobs/{job_id}?wait=60"))
        async with client.stream("GET", f"/api/v1/jobs/{job_id}/events") as stream:
            lines = stream.aiter_lines()
            assert (await anext(lines)) == "event: state"
            begun = time.monotonic()
            gateway.terminate()
            for socket in sockets:
                await socket.wait_closed()
                assert socket.close_code == 1001
            assert (await waiting).json()["state"] == "PENDING"
            assert [line async for line in lines][-1] == ""
        await asyncio.to_thread(gateway.process.wait, 40)
        took = time.monotonic() - begun
        deaf.transport.abort()
    assert took < 30, "it waits for no one: what waits here would do so for a minute"
    log = gateway.log.read_text("utf-8")
    assert "Application shutdown complete" in log
    assert "Traceback" not in log


UNFOLDED_S = 5.0
"""Processor time, less than it takes to unfold the same bomb twenty times."""


def bomb(side: int) -> bytes:
    content = io.BytesIO()
    Image.new("1", (side, side)).save(content, "PNG")
    return content.getvalue()


async def test_bomb_costs_neither_time_nor_memory(shared: GatewayProcess) -> None:
    image = await asyncio.to_thread(bomb, 30_000)
    spec = json.dumps(SPEC | {"inputs": [{"file": "photo"}]})
    inline = json.dumps(SPEC | {"inputs": [{"data": base64.b64encode(image).decode()}]}).encode()
    async with httpx2.AsyncClient(base_url=shared.url, timeout=20) as client:

        async def send(part: bytes) -> httpx2.Response:
            return await client.post("/api/v1/jobs", data={"spec": spec}, files={"photo": ("p.png", part)})

        await send(bomb(10))
        before, busy_s = shared.rss, shared.cpu_s
        for _ in range(10):
            answer = await send(image)
            assert answer.status_code == 422
            assert "30000 x 30000" in answer.json()["errors"][0]["message"]
            assert (await client.post("/api/v1/jobs", content=inline, headers=JSON)).status_code == 422
        assert shared.cpu_s - busy_s < UNFOLDED_S
        assert shared.rss - before < 50 * 1024 * 1024


async def test_floods_of_parts_are_refused_at_once(shared: GatewayProcess) -> None:
    """That is: before the flood is over. Its end never comes here."""
    some = b"".join(b'--x\r\ncontent-disposition: form-data; name="p%d"\r\n\r\nv\r\n' % n for n in range(100))
    head = (
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: {shared.address}\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nConnection: close\r\n\r\n"
    )
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
        writer.write(head.encode() + some)
        said = (await reader.read()).decode()
        writer.close()
    assert said.startswith("HTTP/1.1 413 ")
    assert "urn:framelane:error:too-many-parts" in said


async def test_broker_and_store_come_and_go(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "valkey") as valkey:
        settings = Settings(REDIS_URL=valkey.url, redis=RedisSettings(socket_timeout_s=1.0))
        crew = Crew(settings)
        with gateway_process(settings, tmp_path) as gateway:
            async with httpx2.AsyncClient(base_url=gateway.url, timeout=30) as client:
                job_id = (await client.post("/api/v1/jobs", json=SPEC)).json()["id"]
                waiting = asyncio.create_task(client.post("/api/v1/jobs", json=SPEC, headers={"Prefer": "wait=3"}))
                async with connect(f"ws://{gateway.address}/api/v1/ws/jobs/{job_id}") as socket:
                    assert (await told(socket))["type"] == "snapshot"
                    await asyncio.to_thread(valkey.stop)
                    await refuses_quickly(client)
                    answer = gateway.wait_until("/health/ready", 503)
                    assert "store" in answer.json()["detail"]
                    assert "127.0.0.1" not in answer.text
                    assert (await client.get("/health/live")).status_code == 200
                    accepted = await waiting
                    assert (accepted.status_code, accepted.json()["state"]) == (202, "PENDING")
                    await asyncio.to_thread(valkey.start)
                    gateway.wait_until("/health/ready")
                    await asyncio.to_thread(crew.finish, job_id)
                    assert [(await told(socket))["seq"] for _ in range(3)] == [2, 3, 4]
                again = await client.post("/api/v1/jobs", json=SPEC)
                assert again.status_code == 202
                listed = (await client.get("/api/v1/jobs")).json()["jobs"]
                assert {job["id"] for job in listed} == {job_id, accepted.json()["id"], again.json()["id"]}
        crew.store.close()


async def refuses_quickly(client: httpx2.AsyncClient) -> None:
    begun = time.monotonic()
    answers = await asyncio.gather(*(client.post("/api/v1/jobs", json=SPEC) for _ in range(10)))
    assert time.monotonic() - begun < TOLD_S
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["type"] == "urn:framelane:error:store-unavailable"
        assert "127.0.0.1" not in answer.text


async def test_without_a_broker_no_job_is_left(settings: Settings, crew: Crew, tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    environment = {"FRAMELANE_BROKER__URL": f"redis://:secret@127.0.0.1:{nobody}/0"}
    with gateway_process(settings, tmp_path, environment=environment, until="/health/live") as gateway:
        answer = gateway.wait_until("/health/ready", 503)
        assert answer.json()["detail"] == "queue: The queue can't be reached"
        async with httpx2.AsyncClient(base_url=gateway.url, timeout=20) as client:
            begun = time.monotonic()
            refused = await client.post("/api/v1/jobs", json=SPEC)
            assert time.monotonic() - begun < TOLD_S
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["type"] == "urn:framelane:error:broker-unavailable"
            assert (await client.get("/api/v1/jobs")).json()["jobs"] == []
        assert "secret" not in gateway.log.read_text("utf-8")


async def test_told_so_it_serves_other_addresses(settings: Settings, crew: Crew, tmp_path: Path) -> None:
    with gateway_process(settings, tmp_path, host="0.0.0.0", environment={"FRAMELANE_AUTH": "keys"}) as gateway:
        async with httpx2.AsyncClient(base_url=gateway.url) as client:
            answer = await client.get("/health/live", headers={"Host": "lab.example"})
    assert answer.status_code == 200


async def test_ten_thousand_hands_in_json(shared: GatewayProcess, shared_crew: Crew) -> None:
    """Others are served while they are checked."""
    content = json.dumps(SPEC | {"inputs": [{"landmarks": HAND}] * 10_000}).encode()
    async with httpx2.AsyncClient(base_url=shared.url, timeout=60) as client:
        sending = asyncio.create_task(client.post("/api/v1/jobs", content=content, headers=JSON))
        served = 0
        while not sending.done():
            assert (await client.get("/health/live")).status_code == 200
            served += 1
        answer = await sending
    assert answer.status_code == 202
    assert served > 3
    claim = shared_crew.store.claim(answer.json()["id"], "cpu-1", 60)
    assert claim is not None
    assert [len(blob) for blob in claim.blobs] == [10_000 * 63 * 4]
