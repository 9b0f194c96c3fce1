"""A gateway on parts in memory, and what a test plays itself: workers, models, the end of a job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from asgi_lifespan import LifespanManager

from api.gateway import Gateway
from api.main import create_app
from api.parts import Parts
from api.server import Server, configuration
from shared.adapters.memory import (
    MemoryArtifactStore,
    MemoryAttemptStore,
    MemoryBenchmarks,
    MemoryBenchmarkStore,
    MemoryBenchmarkWriter,
    MemoryEventBus,
    MemoryJobQueue,
    MemoryJobs,
    MemoryJobStore,
    MemoryKeyStore,
    MemoryPipelineStore,
    MemorySessions,
    MemorySessionStore,
    MemoryUploadStore,
    MemoryWorkerBeacon,
    MemoryWorkerDirectory,
    MemoryWorkers,
)
from shared.adapters.memory.audit import MemoryAuditLog
from shared.devices import DeviceInfo, Lane, family_of
from shared.jobs import ArtifactRef, Completed, ErrorInfo, Failed, Progress
from shared.ports import Claim
from shared.results import GesturePrediction, InferenceResult, InferenceTimings, InstalledModel, Prediction, Score
from shared.settings import Settings
from shared.states import JobState
from shared.workers import WorkerInfo
from tests.support import shipped

HAND = [{"x": 0.1 + n / 100, "y": 0.2 + n / 50, "z": -n / 200} for n in range(21)]
SPEC: dict[str, Any] = {"kind": "inference", "model": "asl", "inputs": [{"landmarks": HAND}]}
LETTER = GesturePrediction(label="b", confidence=0.9, top=[Score(label="b", confidence=0.9)])


def worker(lane: str, **changes: Any) -> WorkerInfo:
    """What a live worker of the lane says."""
    place = Lane(lane)
    device = DeviceInfo(id=place.device, family=family_of(place.device), full_name=f"A {place.device}", cores=2)
    info = WorkerInfo(
        id=f"{lane}-1",
        host="here",
        pid=1,
        version="0",
        lane=lane,
        queues=list(place.queues),
        device=device,
        runtimes=["torch", "openvino", "mediapipe"],
        concurrency=2,
    )
    return info.model_copy(update=changes)


@dataclass
class House:
    """Parts in memory. Live lanes are ``cpu`` and ``io``; every model of the catalogue is installed."""

    settings: Settings = field(default_factory=Settings)
    bus: MemoryEventBus = field(default_factory=MemoryEventBus)
    queue: MemoryJobQueue = field(default_factory=MemoryJobQueue)
    artifacts: MemoryArtifactStore = field(default_factory=MemoryArtifactStore)
    crew: MemoryWorkers = field(default_factory=MemoryWorkers)
    uploads: MemoryUploadStore = field(default_factory=MemoryUploadStore)
    keys: MemoryKeyStore = field(default_factory=MemoryKeyStore)

    def __post_init__(self) -> None:
        self.sessions = MemorySessions(self.settings.sessions)
        self.jobs = MemoryJobs(self.bus, settings=self.settings.jobs)
        self.attempts = MemoryAttemptStore(self.jobs)
        self.beacon = MemoryWorkerBeacon(self.crew)
        self.catalogue = shipped.models()
        measured = MemoryBenchmarks()
        self.benchmarks = MemoryBenchmarkWriter(measured)
        self.parts = Parts(
            store=MemoryJobStore(self.jobs),
            attempts=self.attempts,
            queue=self.queue,
            bus=self.bus,
            artifacts=self.artifacts,
            directory=MemoryWorkerDirectory(self.crew),
            pipelines=MemoryPipelineStore(),
            benchmarks=MemoryBenchmarkStore(measured),
            beacon=self.beacon,
            uploads=self.uploads,
            sessions=MemorySessionStore(self.sessions),
            audit=MemoryAuditLog(self.settings.audit),
            keys=self.keys,
            catalogue=self.catalogue,
            media=shipped.media(),
            check_link=self.artifacts.signer.check,
        )
        for lane in ("cpu", "io"):
            self.beacon.announce(worker(lane), 3_600)
        self.install(*self.catalogue.by_name)

    def install(self, *names: str) -> None:
        """Register models."""
        for name in names:
            self.beacon.install(
                InstalledModel(
                    name=name,
                    version="0" * 16,
                    files=[],
                    variants=[],
                    source="test",
                    installed_at="2026-01-01T00:00:00Z",
                )
            )

    def claim(self, job_id: str) -> Claim:
        """Begin an attempt."""
        claim = self.attempts.claim(job_id, "cpu-1", 60)
        assert claim is not None
        return claim

    def settle(self, claim: Claim, *predictions: Prediction, artifacts: tuple[ArtifactRef, ...] = ()) -> None:
        """Bring an attempt to its good end."""
        self.attempts.settle(claim, Completed(result=result_of(*predictions or (LETTER,))), artifacts)

    def finish(self, job_id: str, *predictions: Prediction) -> None:
        """Run a job to its good end."""
        self.settle(self.claim(job_id), *predictions)

    def fail(self, job_id: str, code: str = "input-unreadable", detail: str = "no picture in it") -> None:
        """Run a job to its bad end."""
        error = ErrorInfo(code=code, title="It can't be", detail=detail)
        self.attempts.settle(self.claim(job_id), Failed(error=error))

    def bury(self, job_id: str) -> None:
        """Let the job take one worker after the other along, until none is left for it."""
        lost = ErrorInfo(code="lost", title="The worker was lost", detail="SIGKILL", retryable=True)
        poison = ErrorInfo(code="poison", title="Its attempts were lost", detail="SIGKILL")
        state = JobState.PENDING
        while state is JobState.PENDING:
            claim = self.claim(job_id)
            state = self.attempts.give_up(job_id, claim.fence, claim.worker, lost, final=poison)

    def progress(self, claim: Claim, fraction: float) -> None:
        """Get further."""
        self.attempts.report(claim, Progress(fraction=fraction, stage="working"))

    async def take(self, queue: str = "cpu") -> str:
        """The id of the next queued job, waited for."""
        message = await asyncio.to_thread(self.queue.take, queue, 10.0)
        assert message is not None
        return message.job_id

    async def answer_next(self, *predictions: Prediction) -> str:
        """Play a worker: run the next job to its good end."""
        job_id = await self.take()
        self.finish(job_id, *predictions)
        return job_id

    @property
    def kept(self) -> list[str]:
        """Ids of all jobs."""
        return list(self.jobs.jobs)


def result_of(*predictions: Prediction) -> InferenceResult:
    """What the worker would have answered."""
    return InferenceResult(
        model="asl",
        version="0" * 16,
        runtime="torch",
        device="CPU",
        predictions=list(predictions),
        timings=InferenceTimings(model_ms=0.5),
    )


@asynccontextmanager
async def calling(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a gateway in this process, without a network."""
    app = create_app(house.settings, house.parts)
    async with LifespanManager(app) as manager:
        transport = httpx2.ASGITransport(app=manager.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client


class StartedServer(Server):
    """Says when it listens."""

    def __init__(self, house: House) -> None:
        super().__init__(
            configuration(lambda: create_app(house.settings, house.parts), house.settings, "127.0.0.1", 0)
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"

    @property
    def gateway(self) -> Gateway:
        """The services behind it."""
        return self.lifespan.state["gateway"]

    async def end(self) -> None:
        """Do as a signal would."""
        self.should_exit = True


@asynccontextmanager
async def serving(house: House) -> AsyncIterator[StartedServer]:
    """A gateway behind a real socket."""
    server = StartedServer(house)
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            await server.listening.wait()
        yield server
    finally:
        await server.end()
        await running
