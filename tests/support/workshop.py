"""A workshop on the in-memory twins: the real runner, keeper, outbox and upkeep, and a handler told what to do."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.adapters.memory import (
    MemoryArtifactStore,
    MemoryAttemptStore,
    MemoryEventBus,
    MemoryJobQueue,
    MemoryJobs,
    MemoryJobStore,
)
from shared.devices import Device, DeviceInfo
from shared.errors import FramelaneError, OutOfSpace, StoreUnavailable
from shared.jobs import JobRecord
from shared.ports import Claim, Envelope, NewJob
from shared.results import DownloadResult, InferenceResult, InstalledModel
from shared.routing import place_of
from shared.specs import JobKind, ModelDownloadSpec
from shared.upkeep import Upkeep
from workers.context import JobContext
from workers.handlers import Handler
from workers.keeper import Keeper
from workers.outbox import Outbox
from workers.runner import Runner, WorkerIdentity

CPU = DeviceInfo(id="CPU", family=Device.CPU, full_name="a CPU")
DONE = DownloadResult(models=[], downloaded_bytes=1)
LEASE_S = 15.0
GRACE_S = 3.0
RESEND_S = 5.0
LIMIT_S = 20
"""How long a test waits for what should come at once."""
GROUP = "downloads"
PLACE = place_of(ModelDownloadSpec(models=["tiny"]).priority, "io", GROUP)
Work = Callable[[JobContext], DownloadResult | InferenceResult]


class Clock:
    """Microseconds since the epoch, real ones plus what a test adds."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> int:
        return time.time_ns() // 1_000 + round(self.ahead_s * 1_000_000)


@dataclass
class BatchHandler:
    """Runs many at once, as ``work`` says of each; ``calls``: how many each time."""

    work: Work = lambda _context: DONE
    breaks: Callable[[JobContext], bool] = lambda _context: False
    calls: list[int] = field(default_factory=list[int])

    def run_many(self, contexts: Sequence[JobContext]) -> list[DownloadResult | InferenceResult | Exception]:
        self.calls.append(len(contexts))
        if any(self.breaks(context) for context in contexts):
            raise RuntimeError("one of them breaks it for all")
        return [self._one(context) for context in contexts]

    def _one(self, context: JobContext) -> DownloadResult | InferenceResult | Exception:
        try:
            return self.work(context)
        except FramelaneError as error:
            return error

    def run(self, context: JobContext) -> DownloadResult | InferenceResult:
        return self.work(context)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Nothing to load."""

    def loaded(self) -> list[str]:
        return []

    def runtimes(self) -> list[str]:
        return ["scripted"]

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class ScriptedHandler:
    """Runs ``work``."""

    work: Work = lambda _context: DONE
    contexts: list[JobContext] = field(default_factory=list)
    warmed: list[list[str]] = field(default_factory=list)
    closed: bool = False

    def run(self, context: JobContext) -> DownloadResult | InferenceResult:
        self.contexts.append(context)
        return self.work(context)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        self.warmed.append([model.name for model in models])

    def loaded(self) -> list[str]:
        return sorted({name for names in self.warmed for name in names})

    def runtimes(self) -> list[str]:
        return ["scripted"]

    def close(self) -> None:
        self.closed = True


class RememberingBus(MemoryEventBus):
    """Keeps everything that was published: what followers heard, also what a job's events no longer have."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def publish(self, job_id: str, event: str) -> None:
        self.heard.append(event)
        super().publish(job_id, event)


class FlakyAttemptStore(MemoryAttemptStore):
    """Is away for the next ``away`` calls of each named method; ``deaf``: it does the call, but the answer is lost."""

    def __init__(self, shared: MemoryJobs) -> None:
        super().__init__(shared)
        self.away: dict[str, int] = {}
        self.deaf: dict[str, int] = {}
        self.renewed = threading.Event()

    def _fail(self, name: str) -> None:
        if self.away.get(name, 0) > 0:
            self.away[name] -= 1
            raise StoreUnavailable("it is away")

    def _lose(self, name: str) -> None:
        if self.deaf.get(name, 0) > 0:
            self.deaf[name] -= 1
            raise StoreUnavailable("the answer was lost")

    def claim(self, job_id, worker, lease_s, lanes=()):
        self._fail("claim")
        return super().claim(job_id, worker, lease_s, lanes)

    def claim_ready(self, place, worker, lease_s, lanes=(), limit=64):
        self._fail("claim_ready")
        return super().claim_ready(place, worker, lease_s, lanes, limit)

    def settle_many(self, ends):
        self._fail("settle_many")
        states = super().settle_many(ends)
        self._lose("settle_many")
        return states

    def renew(self, claim, lease_s):
        self._fail("renew")
        self.renewed.set()
        return super().renew(claim, lease_s)

    def report(self, claim, progress):
        self._fail("report")
        return super().report(claim, progress)

    def settle(self, claim, outcome, artifacts=()):
        self._fail("settle")
        state = super().settle(claim, outcome, artifacts)
        self._lose("settle")
        return state

    def give_up(self, job_id, fence, worker, error, *, final=None, costs=True):
        self._fail("give_up")
        return super().give_up(job_id, fence, worker, error, final=final, costs=costs)


class CrampedArtifactStore(MemoryArtifactStore):
    """Has room for ``room`` more objects. Is away for the next ``away`` calls of each named method."""

    def __init__(self) -> None:
        super().__init__()
        self.room = 1_000
        self.away: dict[str, float] = {}

    def _fail(self, name: str) -> None:
        if self.away.get(name, 0) > 0:
            self.away[name] -= 1
            raise StoreUnavailable("the store of artifacts is away")

    def stat(self, key):
        self._fail("stat")
        return super().stat(key)

    def put_bytes(self, key, content, media_type):
        self._fail("put_bytes")
        if self.room < 1:
            raise OutOfSpace("the store is full")
        self.room -= 1
        return super().put_bytes(key, content, media_type)


class Workshop:
    """One worker process's parts, not started: a test takes each step itself."""

    def __init__(self, folder: Path, work: Work = lambda _context: DONE, **keeping: float) -> None:
        self.clock = Clock()
        self.bus = RememberingBus()
        self.jobs = MemoryJobs(self.bus, clock=self.clock)
        self.front = MemoryJobStore(self.jobs)
        self.store = FlakyAttemptStore(self.jobs)
        self.artifacts = CrampedArtifactStore()
        self.queue = MemoryJobQueue()
        self.handler = ScriptedHandler(work)
        self.scratch_root = folder / "scratch"
        self.keeper = Keeper(self.store, LEASE_S, **{"renew_s": 5.0, "grace_s": GRACE_S, **keeping})
        self.outbox = Outbox(self.store, self.queue, retry_base_s=0.01)
        self.upkeep = Upkeep(self.store, self.queue, resend_s=RESEND_S, retry_base_s=0.01)
        self.runner = self.new_runner()

    def new_runner(self, name: str = "worker-1", handler: Handler | None = None) -> Runner:
        me = WorkerIdentity(name, CPU, self.scratch_root, LEASE_S)
        handlers: dict[JobKind, Handler] = {"model_download": handler or self.handler}
        return Runner(me, self.store, self.artifacts, handlers, self.keeper, self.outbox)

    async def submit(self, job_id: str = "job", *, published: bool = True, **fields) -> JobRecord:
        task = ModelDownloadSpec.model_validate({"models": ["tiny"], **fields})
        fingerprint = hashlib.sha256(task.model_dump_json().encode()).hexdigest()
        created = await self.front.create(NewJob(id=job_id, task=task, lane="io", fingerprint=fingerprint))
        if published:
            await self.front.published(job_id)
        return created.record

    async def gather(self, *job_ids: str, **fields) -> None:
        """Jobs that wait together at PLACE."""
        for job_id in job_ids:
            task = ModelDownloadSpec.model_validate({"models": ["tiny"], **fields})
            message = Envelope("queue", b"of the place")
            new = NewJob(id=job_id, task=task, lane="io", fingerprint=job_id, message=message, group=GROUP)
            await self.front.create(new)

    async def job(self, job_id: str = "job") -> JobRecord:
        return await self.front.get(job_id)

    def claim(self, job_id: str = "job", worker: str = "worker-0") -> Claim:
        """Another worker takes the job."""
        claim = self.store.claim(job_id, worker, LEASE_S)
        assert claim is not None
        return claim

    def context(self, claim: Claim, **options) -> JobContext:
        return JobContext(claim, CPU, self.store, self.artifacts, self.scratch_root, **options)


def raising(error: BaseException) -> Work:
    """Work that leaves half of something behind."""

    def work(context: JobContext) -> DownloadResult:
        context.save_artifact("half.txt", b"half", "text/plain")
        (context.scratch / "file").write_bytes(b"x")
        raise error

    return work
