"""Jobs of models over the twins: the handlers as they are, their helper processes too."""

import json
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from shared.adapters.memory import (
    MemoryBenchmarks,
    MemoryBenchmarkWriter,
    MemoryPipelineStore,
    MemoryUploadStore,
    MemoryVariantWriter,
    MemoryWorkerBeacon,
    MemoryWorkers,
)
from shared.devices import Lane, LaneClass
from shared.packing import TASK
from shared.ports import NewJob
from shared.settings import ModelSettings, Settings, WorkerSettings
from shared.specs import LANE_CLASSES
from shared.uploads import Upload, UploadPart
from tests.support import shipped
from tests.support.leases import no_lease
from tests.support.onnx import colours
from tests.support.workshop import CPU, Workshop
from workers.handlers import HANDLERS, Handler, WorkerEnvironment, build_handlers
from workers.media_store import MediaStore
from workers.model_store import ModelStore

LABELS = ["red", "green", "blue"]
TABLE = np.eye(3, dtype=np.float32) * 10
PROC = {
    "json_schema_version": "2.2.0",
    "input_preproc": [{"format": "image", "params": {"color_space": "RGB", "range": [0.0, 1.0]}}],
    "output_postproc": [{"converter": "label", "method": "max"}],
}
"""For ``colours``."""


class ModelRoom:
    """What the jobs of one machine share."""

    def __init__(self, folder: Path, **models: Any) -> None:
        self.shop = Workshop(folder)
        self.artifacts = self.shop.artifacts
        self.beacon = MemoryWorkerBeacon(MemoryWorkers())
        self.uploads = MemoryUploadStore()
        self.benchmarks = MemoryBenchmarks()
        self.environment = WorkerEnvironment(
            settings=Settings(worker=WorkerSettings(data_dir=folder), models=ModelSettings(**models)),
            device=CPU,
            lane=Lane("io"),
            catalogue=shipped.models(),
            media=shipped.media(),
            model_store=ModelStore(folder / "models", self.artifacts, self.beacon),
            media_store=MediaStore(folder / "media", self.artifacts, self.beacon),
            artifacts=self.artifacts,
            beacon=self.beacon,
            attempts=self.shop.store,
            uploads=self.uploads,
            exclusive=no_lease(),
            benchmarks=MemoryBenchmarkWriter(self.benchmarks),
            variants=MemoryVariantWriter(MemoryPipelineStore()),
        )
        self.context: Any = None

    def uploaded(self, name: str, content: bytes) -> dict[str, str]:
        """A finished upload, as a spec names it."""
        upload = Upload(id=str(uuid4()), filename=name)
        for at in range(0, max(len(content), 1), 1 << 20):
            part = UploadPart(name=upload.next_part(), size=len(content[at : at + (1 << 20)]))
            self.artifacts.put_bytes(upload.key(part), content[at : at + (1 << 20)], "x/y")
            upload = upload.with_part(part)
        self.uploads.create(upload.completed(""), 1_000)
        return {"upload": upload.id}

    async def run(self, **spec: Any) -> Any:
        """The result of a job. Nothing is left in the scratch folder."""
        job_id = f"job-{len(self.shop.jobs.jobs)}"
        task: Any = TASK.validate_json(json.dumps(spec))
        await self.shop.front.create(NewJob(id=job_id, task=task, lane="io", fingerprint=job_id))
        await self.shop.front.published(job_id)
        seconds = count()
        claim = self.shop.claim(job_id)
        self.context = self.shop.context(claim, clock=lambda: float(next(seconds)))
        try:
            return self.handler(task.kind).run(self.context)
        finally:
            self.context.close()
            assert not any(self.shop.scratch_root.rglob("*"))

    def handler(self, kind: Any) -> Handler:
        assert kind in HANDLERS
        lane = Lane("io" if LANE_CLASSES[kind] is LaneClass.IO else "cpu.long")
        environment = WorkerEnvironment(
            **{name: getattr(self.environment, name) for name in WorkerEnvironment.__dataclass_fields__}
            | {"lane": lane}
        )
        return build_handlers(environment)[kind]

    async def upload(self, name: str = "colours", *files: dict[str, str], **fields: Any) -> Any:
        """Install a model from files; by default a classifier of colours."""
        if not files:
            files = (self.uploaded("colours.onnx", colours(TABLE)),)
            fields = {"labels": LABELS, "model_proc": PROC, **fields}
        model = {"name": name, "category": "classification", "files": list(files), **fields}
        return (await self.run(kind="model_upload", model=model)).model

    def stored(self) -> list[str]:
        """Keys of files of models and of parts of uploads."""
        return [*self.artifacts.keys("models/"), *self.artifacts.keys("uploads/")]
