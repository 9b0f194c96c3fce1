"""A handler of downloads over twins, and jobs for it."""

import hashlib
from itertools import count

from shared.adapters.memory import (
    MemoryBenchmarks,
    MemoryBenchmarkWriter,
    MemoryPipelineStore,
    MemoryUploadStore,
    MemoryVariantWriter,
    MemoryWorkerBeacon,
    MemoryWorkers,
)
from shared.catalogue import Catalogue
from shared.devices import Lane
from shared.errors import StoreUnavailable
from shared.settings import Settings, WorkerSettings
from tests.support import shipped
from tests.support.leases import no_lease
from tests.support.workshop import CPU, Workshop
from workers.handlers import WorkerEnvironment
from workers.handlers.model_download import ModelDownload
from workers.media_store import MediaStore
from workers.model_store import ModelStore


def sha(content):
    return hashlib.sha256(content).hexdigest()


def file(name, content, *sources, pinned=None):
    return {"name": name, "sha256": pinned or sha(content), "sources": list(sources)}


def member(name, version="1.0"):
    return {"requirement": f"tiny-gestures=={version}", "member": f"tiny_gestures/{name}"}


def entry(name, files, **fields):
    return {
        "name": name,
        "display_name": name,
        "category": "gesture",
        "licence": "MIT",
        "architecture": "alphabet_mlp",
        "accepts": ["landmarks", "image"],
        "runtimes": ["torch"],
        "files": files,
        **fields,
    }


class AbsentBeacon(MemoryWorkerBeacon):
    """Can't be reached when something is to be installed."""

    absent = False

    def install(self, model):
        if self.absent:
            raise StoreUnavailable
        super().install(model)


class Bench:
    """A handler over twins, and jobs for it."""

    def __init__(self, folder, entries, **options):
        self.shop = Workshop(folder)
        self.beacon = AbsentBeacon(MemoryWorkers())
        self.artifacts = options.pop("artifacts", self.shop.artifacts)
        self.environment = WorkerEnvironment(
            settings=Settings(worker=WorkerSettings(data_dir=folder), **options.pop("settings", {})),
            device=CPU,
            lane=Lane("io"),
            catalogue=Catalogue.model_validate(entries),
            media=shipped.media(),
            model_store=ModelStore(folder / "models", self.artifacts, self.beacon),
            media_store=MediaStore(folder / "media", self.artifacts, self.beacon),
            artifacts=self.artifacts,
            beacon=self.beacon,
            attempts=self.shop.store,
            uploads=MemoryUploadStore(),
            exclusive=no_lease(),
            benchmarks=MemoryBenchmarkWriter(MemoryBenchmarks()),
            variants=MemoryVariantWriter(MemoryPipelineStore()),
        )
        self.handler = ModelDownload(self.environment, **options)
        self.context = None

    async def begin(self, *models, **fields):
        """A context for the handler."""
        job_id = f"job-{len(self.shop.jobs.jobs)}"
        await self.shop.submit(job_id, models=models, **fields)
        # Every look at the clock is a second later, so that all progress is told.
        seconds = count()
        return self.shop.context(self.shop.claim(job_id), clock=lambda: float(next(seconds)))

    async def run(self, *models, **fields):
        self.context = await self.begin(*models, **fields)
        try:
            return self.handler.run(self.context)
        finally:
            self.context.close()
            assert not any(self.shop.scratch_root.rglob("*"))

    def nothing_behind(self):
        return self.artifacts.keys("") == [] and self.beacon.models() == {}
