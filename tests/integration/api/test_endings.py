"""A gateway that ends under load, asked to or not, and what clients and records then know."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.ports import JobQuery
from shared.settings import Settings
from tests.support.gateway import worker
from tests.support.gateway_process import GatewayProcess, gateway_process

pytestmark = pytest.mark.service

SPEC = {"kind": "model_download", "models": ["asl"]}


@pytest.fixture
def gateway(settings: Settings, tmp_path: Path) -> Iterator[GatewayProcess]:
    beacon = RedisWorkerBeacon(settings)
    beacon.announce(worker("io"), 600)
    beacon.close()
    with gateway_process(settings, tmp_path) as running:
        yield running


async def kept(settings: Settings) -> set[str]:
    store = RedisJobStore(settings)
    found: set[str] = set()
    query = JobQuery(limit=200)
    while True:
        page = await store.find(query)
        found |= {job.id for job in page.jobs}
        if page.next_cursor is None:
            await store.close()
            return found
        query = JobQuery(limit=200, cursor=page.next_cursor)


class Load:
    """Clients that submit one job after the other until nobody answers any more."""

    def __init__(self, url: str) -> None:
        self.accepted: set[str] = set()
        self.unsure = 0
        self.enough = asyncio.Event()
        self._url = url

    async def submit(self) -> None:
        async with httpx2.AsyncClient(base_url=self._url, timeout=20) as client:
            while True:
                try:
                    answer = await client.post("/api/v1/jobs", json=SPEC)
                except httpx2.ConnectError:
                    return
                except httpx2.TransportError:  # asked, and not answered: this one may be kept or not
                    self.unsure += 1
                    return
                assert answer.status_code == 202
                self.accepted.add(answer.json()["id"])
                if len(self.accepted) >= 100:
                    self.enough.set()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_what_was_accepted_is_kept_and_nothing_else(
    how: signal.Signals, gateway: GatewayProcess, settings: Settings
) -> None:
    load = Load(gateway.url)
    clients = [asyncio.create_task(load.submit()) for _ in range(20)]
    async with asyncio.timeout(30):
        await load.enough.wait()
    begun = time.monotonic()
    gateway.process.send_signal(how)
    await asyncio.gather(*clients)
    await asyncio.to_thread(gateway.process.wait, 15)
    assert time.monotonic() - begun < settings.limits.shutdown_s
    jobs = await kept(settings)
    assert load.accepted <= jobs
    assert len(jobs - load.accepted) <= load.unsure
    if how is signal.SIGTERM:
        assert "Traceback" not in gateway.log.read_text("utf-8")


async def test_half_an_upload_leaves_no_job(gateway: GatewayProcess, settings: Settings) -> None:
    body = json.dumps(SPEC).encode()
    head = (
        f"POST /api/v1/jobs HTTP/1.1\r\nHost: {gateway.address}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port)) as sending:
        sending.sendall(head.encode() + body[:-1])
        async with httpx2.AsyncClient(base_url=gateway.url) as client:
            assert (await client.get("/health/live")).status_code == 200
        gateway.process.kill()
        await asyncio.to_thread(gateway.process.wait, 15)
        with suppress(ConnectionResetError):
            assert sending.recv(1_000) == b""
    assert await kept(settings) == set()
