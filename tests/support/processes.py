"""Real worker processes, and a gateway's view of what they do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_events import RedisEventBus
from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_registry import RedisWorkerDirectory
from shared.jobs import JobRecord
from shared.ports import NewJob
from shared.routing import Route, task_name
from shared.settings import Settings
from shared.specs import ModelDownloadSpec

LIMIT_S = 60.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_REPO = Path(__file__).parents[2]


class WorkerProcess:
    """``python -m workers.main``, a warden; its child's log and its own are read as they come."""

    def __init__(self, env: Mapping[str, str], *arguments: str, module: str = "workers.main") -> None:
        self.lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=_REPO,
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> list[str]:
        """The ids of the children that were ready, the latest last."""
        with self._changed:
            return [line["worker"] for line in self.lines if line["event"] == "worker_ready"]

    @property
    def child(self) -> int:
        """The process that does the work, as long as it does."""
        return int(self.lives[-1].rpartition("-")[2])

    def says(self, event: str, **fields: Any) -> dict[str, Any]:
        """The first line of its log about ``event`` with these fields; waits for it."""
        deadline = time.monotonic() + LIMIT_S
        with self._changed:
            while True:
                for line in self.lines:
                    if line["event"] == event and fields.items() <= line.items():
                        return line
                left = deadline - time.monotonic()
                assert left > 0, f"no {event} within {LIMIT_S:.0f} s; it said: {self.lines}"
                assert self._process.poll() is None or self._reader.is_alive(), f"it ended; it said: {self.lines}"
                self._changed.wait(min(left, 1.0))

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        status = self._process.wait(LIMIT_S)
        self._reader.join(LIMIT_S)
        return status

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def _read(self) -> None:
        assert self._process.stderr
        with self._process.stderr as stream:
            for raw in stream:
                try:
                    line = json.loads(raw)
                except ValueError:
                    line = {"event": raw.decode(errors="replace")}
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()


class System:
    """A store and a queue with workers on them. ``folder`` holds artifacts and the workers' data."""

    def __init__(self, settings: Settings, folder: Path, catalogue: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.queue = CeleryJobQueue(settings)
        self.app = self.queue.app
        self.env = {
            "REDIS_URL": settings.store_url,
            "FRAMELANE_REDIS__PREFIX": settings.redis.prefix,
            "FRAMELANE_ARTIFACTS__DIRECTORY": str(folder / "artifacts"),
            "FRAMELANE_WORKER__DATA_DIR": str(folder / "data"),
            "FRAMELANE_WORKER__CATALOGUE": str(catalogue),
            "FRAMELANE_WORKER__LEASE_S": "1.5",
            "FRAMELANE_WORKER__RENEW_S": "0.3",
            "FRAMELANE_WORKER__HEARTBEAT_S": "0.2",
            "FRAMELANE_WORKER__RETRY_BASE_S": "0.05",
            "FRAMELANE_SOURCES__PRIVATE_HOSTS": '["127.0.0.1"]',
            "FRAMELANE_LOG__FORMAT": "json",
        }
        self.workers: list[WorkerProcess] = []

    def start(self, lane: str = "io", module: str = "workers.main", **env: str) -> WorkerProcess:
        """A worker that is ready."""
        worker = WorkerProcess(self.env | env, "--lane", lane, module=module)
        self.workers.append(worker)
        worker.says("worker_ready")
        return worker

    async def submit(self, *models: str, lane: str = "io", **fields: Any) -> str:
        task = ModelDownloadSpec.model_validate({"models": models, **fields})
        job_id = str(uuid.uuid4())
        store = RedisJobStore(self.settings)
        try:
            await store.create(NewJob(id=job_id, task=task, lane=lane, fingerprint="-"))
            await asyncio.to_thread(self.send, job_id, lane=lane)
            await store.published(job_id)
        finally:
            await store.close()
        return job_id

    def send(self, job_id: str, lane: str = "io", task: str = task_name("model_download")) -> None:
        self.queue.send(
            Route(task=task, queue=lane, priority=5),
            job_id,
            {"request_id": f"asked-{job_id}", "traceparent": TRACE},
        )

    async def ended(self, job_id: str, limit_s: float = LIMIT_S) -> JobRecord:
        """The job, once it has ended."""
        return await self.when(job_id, lambda job: job.terminal, limit_s)

    async def when(self, job_id: str, holds: Callable[[JobRecord], bool], limit_s: float = LIMIT_S) -> JobRecord:
        """The job, once something holds of it; looked at anew with each of its events."""
        store = RedisJobStore(self.settings)
        try:
            async with asyncio.timeout(limit_s), RedisEventBus(self.settings).listen() as events:
                if holds(job := await store.get(job_id)):
                    return job
                async for published in events:
                    if published is None or published.job_id == job_id:
                        job = await store.get(job_id)
                        if holds(job):
                            return job
            raise AssertionError("the events ended")
        finally:
            await store.close()

    async def cancel(self, job_id: str, reason: str) -> None:
        store = RedisJobStore(self.settings)
        try:
            await store.request_cancel(job_id, reason)
        finally:
            await store.close()

    async def directory(self) -> tuple[list[Any], dict[str, Any]]:
        """Workers that live, and installed models."""
        directory = RedisWorkerDirectory(self.settings)
        try:
            return await directory.workers(), await directory.models()
        finally:
            await directory.close()

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.queue.close()
