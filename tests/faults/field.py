"""A whole system of real processes whose parts one can kill, freeze and start again."""

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2
import redis.asyncio
import yaml

from client.local.embedded import EmbeddedValkey
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.leash import leash
from shared.results import InstalledModel
from shared.settings import Settings
from tests.faults.body import LEDGER
from tests.faults.ledger import Ledger, Pen
from tests.faults.members import MARK, Member, Starter, kill_marked
from tests.faults.scale import Scale
from tests.support.servers import S3Server, free_ports
from tests.support.stacks import own_environ

READY_S = 60.0
CALLBACK_SECRET = "whsec_ZmF1bHRzLWZhdWx0cy1mYXVsdHMtZmF1bHRz"
_BUCKET = "faults"
PREFIX = "faults"
TOGETHER = 64
"""Jobs of a batch, where there are any."""


class Field:
    """``parts``: what there is beside one Valkey: ``broker`` (a Valkey of its own), ``s3``, and ``batches``.

    Without the last each job runs by itself: what its body does is its own affair then.
    """

    def __init__(self, folder: Path, scale: Scale, starter: Starter, mark: str, parts: frozenset[str]) -> None:
        self.folder = folder
        self.scale = scale
        self.starter = starter
        folder.mkdir(parents=True)
        self.store = EmbeddedValkey(folder / "store", launcher=leash_of(starter))
        self.broker = EmbeddedValkey(folder / "broker", launcher=leash_of(starter)) if "broker" in parts else None
        self.s3 = S3Server(folder / "s3", leash_of(starter)) if "s3" in parts else None
        self.pen = Pen(folder / "ledger.jsonl")
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.gateways: list[Member] = []
        self.workers: list[Member] = []
        self.ports: dict[str, int] = {}
        self._together = TOGETHER if "batches" in parts else 1
        self._mark = f"{mark}-{folder.name}"
        self._numbers = iter(range(1, 1_000_000))

    # The servers.

    async def open(self) -> None:
        """Valkey, S3 and one gateway run; the model of the jobs counts as installed."""
        (self.folder / "catalogue.yaml").write_text(yaml.safe_dump([_PROBE]))
        await self.start_valkey(self.store)
        if self.broker:
            await self.start_valkey(self.broker)
        if self.s3:
            await self.start_s3()
        self.install_model()
        await self.start_gateway()

    async def start_valkey(self, server: EmbeddedValkey) -> None:
        await asyncio.to_thread(self.starter.call, server.start)

    async def until_kept(self) -> None:
        """All that the store was told is on its disk: its log is in order, so it is when a later word is there."""
        async with redis.asyncio.Redis.from_url(self.store.url) as client:
            await client.set(f"{PREFIX}:until-kept", "")
            written, _ = await client.execute_command("WAITAOF", 1, 0, int(READY_S * 1_000))
        assert written == 1, "the store's disk doesn't keep up"

    async def start_s3(self) -> None:
        assert self.s3
        self.s3.data_dir.mkdir(exist_ok=True)
        await asyncio.to_thread(self.starter.call, self.s3.start)

    def install_model(self) -> None:
        beacon = RedisWorkerBeacon(
            Settings.model_validate({"redis_url": self.store.url, "redis": {"prefix": PREFIX}})
        )
        beacon.install(
            InstalledModel(
                name="probe",
                version="0" * 16,
                files=[],
                variants=[],
                source="-",
                installed_at="2026-01-01T00:00:00Z",
            )
        )
        beacon.close()

    # Gateways and workers.

    async def start_gateway(self, port: int = 0, **env: str) -> Member:
        """One more, ready. ``port`` 0: a free one."""
        gateway = self.spawn_gateway(port, **env)
        await self.until_ready(gateway)
        return gateway

    def spawn_gateway(self, port: int = 0, **env: str) -> Member:
        """One more, on its way."""
        port = port or free_ports(1)[0]
        name = f"gateway-{next(self._numbers)}"
        command = [sys.executable, "-m", "api.main", "--port", str(port)]
        gateway = Member(self.starter, name, command, self.env(env), self.folder / f"{name}.log")
        self.ports[name] = port
        self.gateways.append(gateway)
        return gateway

    async def until_ready(self, gateway: Member) -> None:
        async with httpx2.AsyncClient() as http:

            async def ready() -> bool:
                assert gateway.alive, f"{gateway.name} ended: {gateway.words()[-2000:]}"
                try:
                    return (await http.get(self.url_of(gateway) + "/health/ready", timeout=5)).status_code == 200
                except httpx2.TransportError:
                    return False

            await until(ready, READY_S, f"{gateway.name} ready")

    def url_of(self, gateway: Member) -> str:
        return f"http://127.0.0.1:{self.ports[gateway.name]}"

    def urls(self) -> list[str]:
        """Of the gateways that should live."""
        return [self.url_of(gateway) for gateway in self.gateways]

    def spawn_worker(self, lane: str = "cpu", slots: int = 4, **env: str) -> Member:
        """One more, on its way. ``slots``: jobs at a time."""
        name = f"worker-{lane}-{next(self._numbers)}"
        own = {"FRAMELANE_WORKER__DATA_DIR": str(self.folder / name), **env}
        command = [sys.executable, "-m", "tests.faults.worker", "--lane", lane, "--concurrency", str(slots)]
        worker = Member(self.starter, name, command, self.env(own), self.folder / f"{name}.log")
        self.workers.append(worker)
        return worker

    async def crew(self, *lanes: str, slots: int = 4, **env: str) -> list[Member]:
        """Fresh workers of these lanes, ready, and no others."""
        await self.dismiss()
        workers = [self.spawn_worker(lane, slots, **env) for lane in lanes]
        for worker in workers:
            await self.until_works(worker)
        return workers

    async def until_works(self, worker: Member) -> None:
        async def works() -> bool:
            assert worker.alive, f"{worker.name} ended: {worker.words()[-2000:]}"
            return worker.says("worker_ready")

        await until(works, READY_S, f"{worker.name} ready")

    async def dismiss(self) -> None:
        """End all workers, at once."""
        for worker in self.workers:
            await asyncio.to_thread(worker.kill_tree)
        self.workers.clear()

    async def drop(self, gateway: Member) -> None:
        """Kill a gateway."""
        self.gateways.remove(gateway)
        await asyncio.to_thread(gateway.kill_tree)

    def env(self, more: Mapping[str, str]) -> dict[str, str]:
        """Of every process of ours."""
        return {
            **own_environ(),
            **self.scale.env(),
            "REDIS_URL": self.store.url,
            "FRAMELANE_REDIS__PREFIX": PREFIX,
            "FRAMELANE_WORKER__CATALOGUE": str(self.folder / "catalogue.yaml"),
            "FRAMELANE_CALLBACKS__SECRET": CALLBACK_SECRET,
            "FRAMELANE_CALLBACKS__PRIVATE_HOSTS": '["127.0.0.1"]',
            "FRAMELANE_LOG__FORMAT": "json",
            "FRAMELANE_BATCHING__JOBS": str(self._together),
            LEDGER: str(self.folder / "ledger.jsonl"),
            MARK: self._mark,
            **({"FRAMELANE_BROKER__URL": self.broker.url} if self.broker else {}),
            **self._artifacts(),
            **more,
        }

    def _artifacts(self) -> dict[str, str]:
        if not self.s3:
            return {"FRAMELANE_ARTIFACTS__DIRECTORY": str(self.folder / "artifacts")}
        return {
            "FRAMELANE_ARTIFACTS__KIND": "s3",
            "FRAMELANE_ARTIFACTS__ENDPOINT": self.s3.endpoint,
            "FRAMELANE_ARTIFACTS__BUCKET": _BUCKET,
            "FRAMELANE_ARTIFACTS__SECURE": "false",
            "FRAMELANE_ARTIFACTS__ACCESS_KEY": self.s3.access_key,
            "FRAMELANE_ARTIFACTS__SECRET_KEY": self.s3.secret_key,
        }

    def close(self) -> None:
        """End everything, whatever state it is in."""
        for server in (self.store, self.broker, self.s3):
            if server and server.process and server.process.poll() is None:
                server.process.send_signal(signal.SIGCONT)
                server.process.kill()
                server.stop()
        for member in (*self.gateways, *self.workers):
            member.kill_tree()
        kill_marked(self._mark)
        self.pen.close()


def leash_of(starter: Starter) -> list[str]:
    """The words before a server's command: it dies with the starter's thread."""
    return starter.call(lambda: leash(signal.SIGKILL))


async def until(holds: Callable[[], object], within_s: float, what: str, every_s: float = 0.05) -> None:
    """Return once it holds (awaited if it can be). Raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while True:
        answer = holds()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:.0f} s: {what}")
        await asyncio.sleep(every_s)


def new_mark() -> str:
    return f"{os.getpid()}-{uuid.uuid4().hex[:8]}"


_PROBE = {
    "name": "probe",
    "display_name": "Does what its labels say",
    "category": "gesture",
    "licence": "Apache-2.0",
    "architecture": "alphabet_mlp",
    "files": [],
    "accepts": ["tensor"],
    "runtimes": ["torch"],
}
