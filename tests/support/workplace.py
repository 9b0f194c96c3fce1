"""An inference handler at work without a worker process: jobs from memory, models and everything after them real."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from shared.adapters.memory import (
    MemoryArtifactStore,
    MemoryAttemptStore,
    MemoryBenchmarks,
    MemoryBenchmarkWriter,
    MemoryEventBus,
    MemoryJobs,
    MemoryJobStore,
    MemoryPipelineStore,
    MemoryUploadStore,
    MemoryVariantWriter,
    MemoryWorkerBeacon,
    MemoryWorkers,
)
from shared.catalogue import Catalogue
from shared.devices import DeviceInfo, Lane, family_of
from shared.jobs import JobRecord
from shared.packing import pack
from shared.ports import NewJob
from shared.results import InferenceResult
from shared.settings import Settings, WorkerSettings
from shared.specs import InferenceSpec
from tests.support import shipped
from tests.support.leases import no_lease
from tests.support.models import install_into
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.inference import build
from workers.media_store import MediaStore
from workers.model_store import ModelStore


class Workplace:
    """An inference handler with real models, and a job store in memory to give it jobs."""

    def __init__(self, folder: Path, catalogue: Catalogue | None = None, lane: str = "cpu", **worker: Any) -> None:
        """``worker``: settings of it."""
        settings = Settings(worker=WorkerSettings(concurrency=2, data_dir=folder, **worker))
        self.artifacts = MemoryArtifactStore()
        self.beacon = MemoryWorkerBeacon(MemoryWorkers())
        self.device = DeviceInfo(id=Lane(lane).device, family=family_of(Lane(lane).device), full_name=lane)
        self._jobs = MemoryJobs(MemoryEventBus())
        self.environment = WorkerEnvironment(
            settings=settings,
            device=self.device,
            lane=Lane(lane),
            catalogue=catalogue or shipped.models(),
            media=shipped.media(),
            model_store=ModelStore(folder / "models", self.artifacts, self.beacon),
            media_store=MediaStore(folder / "media", self.artifacts, self.beacon),
            artifacts=self.artifacts,
            beacon=self.beacon,
            attempts=MemoryAttemptStore(self._jobs),
            uploads=MemoryUploadStore(),
            exclusive=no_lease(),
            benchmarks=MemoryBenchmarkWriter(MemoryBenchmarks()),
            variants=MemoryVariantWriter(MemoryPipelineStore()),
        )
        self.handler = build(self.environment)
        self._folder = folder

    def install(self) -> None:
        """All models of the catalogue, loaded and warm."""
        install_into(self.artifacts, self.beacon)
        self.handler.warm(list(self.beacon.models().values()))

    async def context(self, spec: dict[str, Any], files: Mapping[str, bytes] | None = None) -> JobContext:
        """A claimed attempt at the job that a client's ``spec`` asks for."""
        task, blobs = pack(InferenceSpec.model_validate(spec), files or {}, lambda _image: None)
        new = NewJob(id=str(uuid4()), task=task, lane="cpu", fingerprint="", blobs=blobs)
        await MemoryJobStore(self._jobs).create(new)
        attempts = MemoryAttemptStore(self._jobs)
        claim = attempts.claim(new.id, "worker", 60)
        assert claim
        return JobContext(claim, self.device, attempts, self.artifacts, self._folder)

    async def record(self, job_id: str) -> JobRecord:
        return await MemoryJobStore(self._jobs).get(job_id)

    async def run(self, spec: dict[str, Any], files: Mapping[str, bytes] | None = None) -> InferenceResult:
        return self.handler.run(await self.context(spec, files))
