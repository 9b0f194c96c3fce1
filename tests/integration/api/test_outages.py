"""The store stops, hangs, comes back or forgets: every route says so in time, and the gateway recovers by itself."""

import asyncio
import json
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis import Redis
from websockets.asyncio.client import connect

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_jobs import RedisAttemptStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.jobs import Completed
from shared.results import InstalledModel
from shared.settings import Settings
from tests.support.gateway import HAND, LETTER, SPEC, result_of, worker
from tests.support.gateway_process import GatewayProcess, gateway_process

pytestmark = pytest.mark.service

WITHIN_S = 10.0
"""One second is promised; a busy machine gets more, far below how long a call to a dead server would hang."""
ID = str(uuid.uuid4())
ROUTES: list[tuple[str, str, Any]] = [
    ("POST", "/api/v1/jobs", SPEC),
    ("PUT", f"/api/v1/jobs/{ID}", SPEC),
    ("GET", "/api/v1/jobs", None),
    ("GET", f"/api/v1/jobs/{ID}", None),
    ("GET", f"/api/v1/jobs/{ID}?wait=20", None),
    ("POST", f"/api/v1/jobs/{ID}/cancel", None),
    ("POST", f"/api/v1/jobs/{ID}/retry", None),
    ("DELETE", f"/api/v1/jobs/{ID}", None),
    ("GET", f"/api/v1/jobs/{ID}/events", None),
    ("GET", f"/api/v1/jobs/{ID}/artifacts", None),
    ("GET", f"/api/v1/jobs/{ID}/artifacts/a", None),
    ("GET", "/api/v1/dead", None),
    ("POST", f"/api/v1/dead/{ID}/requeue", None),
    ("POST", "/api/v1/dead/requeue", None),
    ("GET", "/api/v1/models", None),
    ("GET", "/api/v1/devices", None),
    ("GET", "/api/v1/workers", None),
    ("POST", "/api/v1/gestures/asl/predict", {"landmarks": HAND}),
]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def settings(valkey: EmbeddedValkey) -> Settings:
    return Settings(REDIS_URL=valkey.url)


def man(settings: Settings) -> None:
    """A worker lives and has its models."""
    beacon = RedisWorkerBeacon(settings)
    beacon.announce(worker("cpu"), 600)
    for name in ("asl", "hand_landmarker"):
        at = "2026-01-01T00:00:00Z"
        beacon.install(
            InstalledModel(name=name, version="0" * 16, files=[], variants=[], source="test", installed_at=at)
        )
    beacon.close()


def finish(settings: Settings, job_id: str) -> None:
    store = RedisAttemptStore(settings)
    claim = store.claim(job_id, "cpu-1", 60)
    assert claim is not None
    store.settle(claim, Completed(result=result_of(LETTER)))
    store.close()


@pytest.fixture
def gateway(settings: Settings, tmp_path: Path) -> Iterator[GatewayProcess]:
    man(settings)
    with gateway_process(settings, tmp_path) as running:
        yield running


@pytest.fixture
async def client(gateway: GatewayProcess) -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(base_url=gateway.url, timeout=30, limits=limits) as calls:
        yield calls


@contextmanager
def frozen(server: EmbeddedValkey) -> Iterator[None]:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


async def refused(client: httpx2.AsyncClient, method: str, path: str, body: Any) -> float:
    """Seconds until the right problem came."""
    begun = time.monotonic()
    answer = await client.request(method, path, json=body)
    took = time.monotonic() - begun
    said = (method, path, answer.text)
    assert answer.status_code == 503, said
    assert answer.headers["content-type"] == "application/problem+json", said
    assert int(answer.headers["retry-after"]) >= 1, said
    assert answer.json()["type"] == "urn:framelane:error:store-unavailable", said
    assert "127.0.0.1" not in answer.text
    return took


async def all_refused(client: httpx2.AsyncClient, gateway: GatewayProcess) -> None:
    """First 54 requests at the same time, then one after the other; those that need no store are served."""
    crowd = [refused(client, *route) for route in ROUTES * 3]
    alive = client.get("/health/live")
    *took, live = await asyncio.gather(*crowd, alive)
    assert live.status_code == 200
    assert max(took) <= WITHIN_S
    for route in ROUTES:
        assert await refused(client, *route) <= WITHIN_S
    begun = time.monotonic()
    ready = await client.get("/health/ready")
    assert time.monotonic() - begun <= WITHIN_S
    assert (ready.status_code, ready.json()["checks"]["store"] != "ok") == (503, True)
    status = await client.get("/api/v1/status")
    assert (status.status_code, status.json()["workers"]) == (200, 0)
    async with connect(f"ws://{gateway.address}/api/v1/ws/jobs/{ID}") as socket:
        await socket.wait_closed()
        assert socket.close_code == 1013


async def accepted(client: httpx2.AsyncClient) -> str:
    """A job's id, when one is taken again."""
    async with asyncio.timeout(30):
        while (answer := await client.post("/api/v1/jobs", json=SPEC)).status_code != 202:
            assert answer.status_code == 503
    return answer.json()["id"]


@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_store_that_is_away_is_told_by_every_route(
    how: str, valkey: EmbeddedValkey, gateway: GatewayProcess, client: httpx2.AsyncClient, settings: Settings
) -> None:
    job_id = await accepted(client)
    async with connect(f"ws://{gateway.address}/api/v1/ws/jobs/{job_id}") as socket:
        await socket.recv()
        if how == "frozen":
            with frozen(valkey):
                await all_refused(client, gateway)
        else:
            await asyncio.to_thread(valkey.stop)
            await all_refused(client, gateway)
            await asyncio.to_thread(valkey.start)
        assert await accepted(client) != job_id
        gateway.wait_until("/health/ready")
        begun = time.monotonic()
        await asyncio.to_thread(finish, settings, job_id)
        told = [json.loads(text) async for text in socket]
        assert [each["seq"] for each in told if each["type"] == "state"] == [2, 3]
        assert time.monotonic() - begun < WITHIN_S
    assert "Traceback" not in gateway.log.read_text("utf-8")


async def test_end_is_told_though_its_message_was_lost(
    valkey: EmbeddedValkey, gateway: GatewayProcess, client: httpx2.AsyncClient, settings: Settings
) -> None:
    """Nobody subscribed hears what is published on another server's channels: so what is written there is lost."""
    job_id = await accepted(client)
    async with connect(f"ws://{gateway.address}/api/v1/ws/jobs/{job_id}") as socket:
        await socket.recv()
        with Redis.from_url(valkey.url) as raw:
            raw.execute_command("ACL", "SETUSER", "default", "resetchannels")
            raw.execute_command("ACL", "SETUSER", "default", "allchannels")  # it closed the subscriptions
            await asyncio.to_thread(finish, settings, job_id)
        async with asyncio.timeout(20):
            told = [json.loads(text) async for text in socket]
    assert [each["seq"] for each in told] == [2, 3]


async def test_loss_of_all_records_is_noticed_and_told(
    valkey: EmbeddedValkey, gateway: GatewayProcess, client: httpx2.AsyncClient, settings: Settings
) -> None:
    job_id = await accepted(client)
    async with asyncio.timeout(30):
        async with connect(f"ws://{gateway.address}/api/v1/ws/jobs/{job_id}") as socket:
            await socket.recv()
            with Redis.from_url(valkey.url) as raw:
                raw.flushall()
            assert json.loads(await socket.recv())["type"] == "gone"
            await socket.wait_closed()
            assert socket.close_code == 4404
        while not (await client.get("/api/v1/status")).json()["warnings"]:
            pass
    assert (await client.get("/health/ready")).status_code == 200
    assert "records_lost" in gateway.log.read_text("utf-8")
    man(settings)
    assert await accepted(client)


@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_broker_of_its_own_that_is_away_takes_no_job_and_leaves_none(
    how: str, settings: Settings, tmp_path: Path
) -> None:
    man(settings)
    with EmbeddedValkey(tmp_path / "broker") as broker:
        environment = {"FRAMELANE_BROKER__URL": broker.url}
        with gateway_process(settings, tmp_path, environment=environment) as gateway:
            async with httpx2.AsyncClient(base_url=gateway.url, timeout=30) as client:
                first = await accepted(client)
                if how == "frozen":
                    with frozen(broker):
                        await jobs_refused(client)
                else:
                    await asyncio.to_thread(broker.stop)
                    await jobs_refused(client)
                    await asyncio.to_thread(broker.start)
                second = await accepted(client)
                listed = (await client.get("/api/v1/jobs")).json()["jobs"]
                assert {job["id"] for job in listed} == {first, second}


async def jobs_refused(client: httpx2.AsyncClient) -> None:
    async def submit() -> None:
        begun = time.monotonic()
        answer = await client.post("/api/v1/jobs", json=SPEC)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["type"] == "urn:framelane:error:broker-unavailable"
        assert time.monotonic() - begun <= WITHIN_S

    await asyncio.gather(*(submit() for _ in range(50)))
    await submit()
    assert (await client.get("/api/v1/jobs")).status_code == 200
    assert (await client.get("/health/live")).status_code == 200
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["store"]) == (503, "ok")
