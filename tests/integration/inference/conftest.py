import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from shared.adapters.memory.artifacts import MemoryArtifactStore
from shared.adapters.memory.events import MemoryEventBus
from shared.adapters.memory.jobs import MemoryAttemptStore, MemoryJobs, MemoryJobStore
from shared.adapters.memory.workers import MemoryWorkerBeacon, MemoryWorkers
from shared.catalogue import Catalogue, load_catalogue
from shared.devices import DeviceInfo, Lane, family_of
from shared.jobs import JobRecord
from shared.packing import pack
from shared.ports import NewJob
from shared.results import InferenceResult
from shared.settings import Settings, WorkerSettings
from shared.specs import InferenceSpec
from tests.support.models import SHARED_DATA, install_into, model_folder, photo
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.inference import build
from workers.model_store import ModelStore
from workers.runtimes import registry
from workers.runtimes.contract import HandFinder, Host, PoseFinder
from workers.vision.features import Floats
from workers.vision.images import Pixels, decode


def _photo_files() -> list[Path]:
    """Three photos of a package; where the real test data is, people who show a hand too."""
    return [photo(name) for name in ("nocurl", "halfcurl", "fullcurl")] + sorted(SHARED_DATA.glob("hands/*.jpg"))


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def photos() -> list[Pixels]:
    return [decode(path.read_bytes(), path.name) for path in _photo_files()]


@pytest.fixture(scope="session")
def hand_finder() -> Iterator[HandFinder]:
    finder = registry.load_hands(model_folder("hand_landmarker"), Host(slots=2))
    yield finder
    finder.close()


@pytest.fixture(scope="session")
def pose_finder() -> Iterator[PoseFinder]:
    finder = registry.load_pose(model_folder("pose_landmarker"), Host())
    yield finder
    finder.close()


@pytest.fixture(scope="session")
def real_hands(photos: list[Pixels], hand_finder: HandFinder) -> Floats:
    """[N, 63] of the hands in the photos, and of a public table of gestures where it is at hand."""
    found = [hand.points.reshape(1, 63) for image in photos for hand in hand_finder.find(image)]
    return np.concatenate(found + _table())


def _table() -> list[Floats]:
    path = SHARED_DATA / "gestures" / "keypoint.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = np.array([line[1:] for line in csv.reader(file)][::10], np.float32).reshape(-1, 21, 2)
    return [np.concatenate([rows, np.zeros((len(rows), 21, 1), np.float32)], axis=2).reshape(-1, 63)]


class Workplace:
    """An inference handler with real models, and a job store in memory to give it jobs."""

    def __init__(self, folder: Path, catalogue: Catalogue, lane: str = "cpu") -> None:
        settings = Settings(worker=WorkerSettings(concurrency=2, data_dir=folder))
        self.artifacts = MemoryArtifactStore()
        self.beacon = MemoryWorkerBeacon(MemoryWorkers())
        self.device = DeviceInfo(id=Lane(lane).device, family=family_of(Lane(lane).device), full_name=lane)
        self.environment = WorkerEnvironment(
            settings=settings,
            device=self.device,
            lane=Lane(lane),
            catalogue=catalogue,
            model_store=ModelStore(folder / "models", self.artifacts, self.beacon),
            artifacts=self.artifacts,
            beacon=self.beacon,
        )
        self.handler = build(self.environment)
        self._folder = folder
        self._jobs = MemoryJobs(MemoryEventBus())

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


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Iterator[Workplace]:
    place = Workplace(tmp_path_factory.mktemp("worker"), catalogue)
    install_into(place.artifacts, place.beacon)
    place.handler.warm(list(place.beacon.models().values()))
    yield place
    place.handler.close()
