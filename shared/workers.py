"""Who is alive: what a worker says of itself with every heartbeat, and lanes as the gateway sees them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from shared.devices import DeviceInfo


class WorkerInfo(BaseModel):
    """A live worker process. Times are seconds since the epoch on the store's clock.

    ``queues`` are those it reads; ``models`` are loaded and warm; ``busy`` of ``concurrency`` slots work.
    ``cpu_percent`` is of one core, over the last heartbeat period.
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
    started_at: float = 0.0
    seen_at: float = 0.0


class LaneBacklog(BaseModel):
    """PENDING jobs of a lane. ``oldest_wait_ms`` is null when none waits."""

    model_config = ConfigDict(frozen=True)

    depth: int = 0
    oldest_wait_ms: float | None = None


class LaneState(BaseModel):
    """A lane somebody serves: ``slots`` over all its live workers, ``models`` warm in at least one of them."""

    model_config = ConfigDict(frozen=True)

    name: str
    workers: int
    slots: int
    busy: int
    models: frozenset[str]
    backlog: LaneBacklog = LaneBacklog()


def live_lanes(workers: Iterable[WorkerInfo], backlog: Mapping[str, LaneBacklog]) -> list[LaneState]:
    """One state per queue that a live worker reads, in the order of their names."""
    readers: dict[str, list[WorkerInfo]] = defaultdict(list)
    for worker in workers:
        for queue in worker.queues:
            readers[queue].append(worker)
    return [
        LaneState(
            name=name,
            workers=len(crew),
            slots=sum(worker.concurrency for worker in crew),
            busy=sum(worker.busy for worker in crew),
            models=frozenset(model for worker in crew for model in worker.models),
            backlog=backlog.get(name, LaneBacklog()),
        )
        for name, crew in sorted(readers.items())
    ]
