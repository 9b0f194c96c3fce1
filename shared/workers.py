"""Who is alive: what a worker says of itself with every heartbeat, and lanes as the gateway sees them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from shared.devices import DeviceInfo
from shared.quick import changed


class PipelineRate(BaseModel):
    """Frames a second of all streams of a pipeline, as of its latest figures.

    Not of which job: a worker is seen by every tenant.
    """

    model_config = ConfigDict(frozen=True)

    slot: int
    streams: int
    fps: float


class WorkerInfo(BaseModel):
    """A live worker process. Times are seconds since the epoch on the store's clock.

    ``queues`` are those it reads; ``models`` are loaded and warm; ``busy`` of ``concurrency`` slots work.
    ``cpu_percent`` is of one core, over the last heartbeat period.
    ``unready``: why it takes no jobs; null if it does. ``leased_by``: who has its device for itself, while jobs
    wait.
    ``service_ms``: how long jobs took lately, by their work (``inference/asl``; ``*``: all of them).
    ``memory_free_bytes``: of the device; null where nobody can tell.
    ``machine``: figures of its host and device, by names of ``shared.machine``; ``pipelines``: those that run.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    host: str
    pid: int
    version: str
    lane: str
    queues: list[str]
    device: DeviceInfo
    runtimes: list[str] = []
    models: list[str] = []
    concurrency: int = 1
    busy: int = 0
    cpu_percent: float | None = None
    rss_bytes: int | None = None
    memory_free_bytes: int | None = None
    service_ms: dict[str, float] = {}
    machine: dict[str, float] = {}
    pipelines: list[PipelineRate] = []
    unready: str | None = None
    leased_by: str | None = None
    started_at: float = 0.0
    seen_at: float = 0.0


class LaneBacklog(BaseModel):
    """PENDING jobs of a lane. ``oldest_wait_ms`` is null when none waits."""

    model_config = ConfigDict(frozen=True)

    depth: int = 0
    oldest_wait_ms: float | None = None


class DeviceLease(BaseModel):
    """The sole use of a device of a host, for ``left_s`` more seconds unless it is renewed.

    ``device`` is the hardware's ``key``; ``yielded``: workers that run nothing there while it lasts.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    device: str
    holder: str
    left_s: float
    yielded: frozenset[str] = frozenset()


class LaneState(BaseModel):
    """A lane somebody serves: ``slots`` and ``busy`` over workers that take jobs, ``models`` warm in one of them.

    ``ready``: how many of its ``workers`` take jobs; ``unready``: why the others don't. ``leased``: those that
    take jobs all wait for a lease of their device to end. Sets and ``service_ms`` (means) are over the ready ones;
    the memory is that of the roomiest, null as soon as one can't tell. ``beside``: jobs that wait in
    other queues of the same workers, as far as these have to run them.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    workers: int
    slots: int
    busy: int
    models: frozenset[str]
    backlog: LaneBacklog = LaneBacklog()
    ready: int = 1
    unready: str | None = None
    leased: bool = False
    runtimes: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    memory_bytes: int | None = None
    memory_free_bytes: int | None = None
    service_ms: dict[str, float] = {}
    beside: float = 0.0

    def with_more(self, jobs: int) -> "LaneState":
        """The lane with so many more in its queue."""
        deeper = changed(self.backlog, depth=self.backlog.depth + jobs)
        return changed(self, backlog=deeper)


def live_lanes(workers: Iterable[WorkerInfo], backlog: Mapping[str, LaneBacklog]) -> list[LaneState]:
    """One state per queue that a live worker reads, in the order of their names."""
    readers: dict[str, list[WorkerInfo]] = defaultdict(list)
    for worker in workers:
        for queue in worker.queues:
            readers[queue].append(worker)
    return [
        _state(name, crew, backlog.get(name, LaneBacklog())).model_copy(
            update={"beside": _beside(name, readers, backlog)}
        )
        for name, crew in sorted(readers.items())
    ]


def _beside(name: str, readers: Mapping[str, Sequence[WorkerInfo]], backlog: Mapping[str, LaneBacklog]) -> float:
    """Each other queue's depth, by the share of its readers that read this one too."""
    shares = {
        other: sum(name in worker.queues for worker in crew) / len(crew)
        for other, crew in readers.items()
        if other != name
    }
    return sum(backlog[other].depth * share for other, share in shares.items() if other in backlog)


def _state(name: str, crew: list[WorkerInfo], backlog: LaneBacklog) -> LaneState:
    ready = [worker for worker in crew if worker.unready is None]
    return LaneState(
        name=name,
        workers=len(crew),
        slots=sum(worker.concurrency for worker in ready),
        busy=sum(worker.busy for worker in ready),
        models=frozenset(model for worker in ready for model in worker.models),
        backlog=backlog,
        ready=len(ready),
        unready=next((worker.unready for worker in crew if worker.unready is not None), None),
        leased=bool(ready) and all(worker.leased_by is not None for worker in ready),
        runtimes=frozenset(name for worker in ready for name in worker.runtimes),
        capabilities=frozenset(name for worker in ready for name in worker.device.capabilities),
        memory_bytes=_most(worker.device.memory_bytes for worker in ready),
        memory_free_bytes=_most(worker.memory_free_bytes for worker in ready),
        service_ms=_means([worker.service_ms for worker in ready]),
    )


def _most(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if not known or None in known else max(size for size in known if size is not None)


def _means(measured: list[dict[str, float]]) -> dict[str, float]:
    works = {work for times in measured for work in times}
    return {work: fmean(times[work] for times in measured if work in times) for work in sorted(works)}
