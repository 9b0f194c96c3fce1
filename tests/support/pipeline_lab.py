"""A worker of a long lane with a video and a model, and what its jobs came to."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
from pydantic import SecretStr

from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.events import JOB_EVENT, Measured
from shared.jobs import Completed, Failed, JobRecord, artifact_key
from shared.media import MediumKind
from shared.media_library import MediaLibrary
from shared.ports import NewJob
from shared.results import PipelineResult
from shared.routing import task_name
from tests.support import shipped
from tests.support.media import real_video
from tests.support.models import staged_models
from tests.support.pipelines import new_job
from tests.support.processes import System
from workers.installation import Installation
from workers.media_making import Raw, make

VIDEO = "carphone"
FRAMES = 120


class Lab:
    """A system with a worker on cpu.long, a video and the person detector."""

    def __init__(self, system: System, **env: str) -> None:
        """``env``: beside that of the system."""
        self.system = system
        self.artifacts = LocalArtifactStore(system.folder / "artifacts", LinkSigner(SecretStr("key")))
        self.worker = system.start("cpu.long", **env)
        self._has_video = self._has_model = False

    def furnish(self, *, model: bool = False) -> None:
        """The video and, if wanted, the model; once."""
        if not self._has_video:
            self.add(real_video(VIDEO), VIDEO, "video", shipped.media().by_name[VIDEO].licence)
            self._has_video = True
        if model and not self._has_model:
            self._has_model = True
            beacon = RedisWorkerBeacon(self.system.settings)
            (staged,) = [each for each in staged_models() if each.record.name == "person-ssdlite"]
            with Installation(self.artifacts, beacon) as installation:
                installation.upload(staged, lambda: None)
                installation.register(lambda: None)
            beacon.close()

    def add(self, path: Path, name: str, kind: MediumKind, licence: str = "-") -> None:
        """To the library: a video, a photo, or an archive of images."""
        making = self.system.folder / "making" / name
        making.mkdir(parents=True)
        made = make(Raw(path, name, kind, licence, listed=True), making, self.system.settings, lambda: None)
        beacon = RedisWorkerBeacon(self.system.settings)
        MediaLibrary(self.artifacts, beacon).add(made.medium, made.contents, lambda: None, replace=True)
        beacon.close()

    async def submit(self, text: str, job_id: str | None = None, **fields: Any) -> str:
        new = new_job(text, **fields)
        return await self.send(replace(new, id=job_id or new.id))

    async def send(self, new: NewJob) -> str:
        """Any job of a long lane."""
        store = RedisJobStore(self.system.settings)
        try:
            await store.create(new)
            await asyncio.to_thread(self.system.send, new.id, "cpu.long", task_name(new.task.kind))
            await store.published(new.id)
        finally:
            await store.close()
        return new.id

    async def run(self, text: str, **fields: Any) -> JobRecord:
        return await self.system.ended(await self.submit(text, **fields))

    def fetch(self, job: JobRecord, name: str) -> Path:
        path = self.system.folder / f"{job.id}-{name}"
        self.artifacts.fetch(artifact_key(job.id, job.fence, name), path)
        return path

    async def told(self, job_id: str) -> tuple[list[Measured], list[tuple[int, Any]]]:
        """Figures, and the records that are kept, by stream."""
        store = RedisJobStore(self.system.settings)
        try:
            events = [JOB_EVENT.validate_json(each) for each in await store.events(job_id, 0)]
            page = await store.records(job_id, limit=10_000)
        finally:
            await store.close()
        assert [each.number for each in page.records] == list(range(1, page.last + 1))
        return [each for each in events if isinstance(each, Measured)], [
            (each.stream, json.loads(each.json)) for each in page.records
        ]

    def nothing_left(self) -> bool:
        scratch = self.system.folder / "data" / "scratch"
        return not [path for path in scratch.rglob("*") if path.is_file() and path.suffix != ".lock"]


def result_of(job: JobRecord) -> PipelineResult:
    assert isinstance(job.outcome, Completed), job.outcome
    assert isinstance(job.outcome.result, PipelineResult)
    return job.outcome.result


def error_of(job: JobRecord) -> tuple[str, str]:
    assert isinstance(job.outcome, Failed), job.outcome
    return job.outcome.error.code, job.outcome.error.detail


def frames_in(path: Path) -> int:
    video, count = cv2.VideoCapture(str(path)), 0
    while video.read()[0]:
        count += 1
    return count
