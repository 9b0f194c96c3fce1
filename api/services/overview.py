"""How lanes, workers and machines are, for Prometheus and for screens: read when somebody asks, once for all."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from anyio import CapacityLimiter, to_thread
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from shared.errors import BrokerUnavailable, StoreUnavailable
from shared.machine import FIGURES, of_device
from shared.ports import JobQueue, JobStore, WorkerDirectory
from shared.workers import DeviceLease, LaneBacklog, LaneState, WorkerInfo, live_lanes

READ_S = 0.9
"""A store that doesn't answer within this tells nothing."""
_BROKER_S = 0.5
"""Nor does a broker within this, which may be elsewhere."""

_TTL_S = 0.5

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Moment:
    """``answered``: whether the store did; else all is empty. ``at``: seconds since the epoch.

    ``rejected``: messages that workers didn't take, ever; None: the broker doesn't answer.
    """

    at: float
    answered: bool = False
    workers: Sequence[WorkerInfo] = ()
    backlog: Mapping[str, LaneBacklog] = field(default_factory=dict[str, LaneBacklog])
    leases: Sequence[DeviceLease] = ()
    rejected: int | None = None


class Overview:
    """One per process. Whoever asks within half a second after another is told the same."""

    def __init__(self, directory: WorkerDirectory, store: JobStore, queue: JobQueue) -> None:
        self._directory = directory
        self._store = store
        self._queue = queue
        self._thread = CapacityLimiter(1)
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._moment = Moment(0.0)

    async def now(self) -> Moment:
        """Never raises because of the store."""
        async with self._reading:
            if time.monotonic() - self._read_at > _TTL_S:
                self._moment = await self._read()
                self._read_at = time.monotonic()
            return self._moment

    async def _read(self) -> Moment:
        try:
            async with asyncio.timeout(READ_S):
                workers, backlog, leases, rejected = await asyncio.gather(
                    self._directory.workers(), self._store.backlog(), self._directory.leases(), self._rejected()
                )
        except (StoreUnavailable, TimeoutError) as error:
            _log.warning("overview_without_store", reason=str(error))
            return Moment(time.time())
        return Moment(time.time(), True, workers, backlog, leases, rejected)  # noqa: FBT003  it is what the field says

    async def _rejected(self) -> int | None:
        try:
            async with asyncio.timeout(_BROKER_S):
                found = await to_thread.run_sync(
                    self._queue.rejected, 1, limiter=self._thread, abandon_on_cancel=True
                )
        except (BrokerUnavailable, TimeoutError):
            return None
        return found.total


def families(moment: Moment) -> list[Metric]:
    """The moment as gauges of Prometheus."""
    up = GaugeMetricFamily("framelane_store_up", "1: the job store answered.", value=float(moment.answered))
    of_lanes = [_of_messages(moment.rejected), *_of_lanes(moment)]
    return [up, *of_lanes, *_of_workers(moment.workers), _of_leases(moment.leases), *_of_hosts(moment)]


def machines(workers: Iterable[WorkerInfo]) -> dict[str, dict[str, float]]:
    """Figures of each host, as the worker told that was heard last."""
    found: dict[str, dict[str, float]] = {}
    for worker in sorted(workers, key=lambda worker: worker.seen_at):
        own = {name: value for name, value in worker.machine.items() if not of_device(name)}
        found.setdefault(worker.host, {}).update(own)
    return found


def devices(workers: Iterable[WorkerInfo]) -> dict[tuple[str, str], dict[str, float]]:
    """The same of each accelerator, by host and the hardware's key."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for worker in sorted(workers, key=lambda worker: worker.seen_at):
        if own := {name: value for name, value in worker.machine.items() if of_device(name)}:
            found.setdefault((worker.host, worker.device.key), {}).update(own)
    return found


def _of_messages(rejected: int | None) -> Metric:
    about = "Messages in the queues that workers didn't take, since somebody else wrote them."
    return CounterMetricFamily("framelane_messages_rejected", about, value=rejected)


_LANES: Mapping[str, tuple[str, Callable[[LaneState], float]]] = {
    "framelane_lane_workers": ("Live workers that read the lane.", lambda lane: lane.workers),
    "framelane_lane_ready_workers": ("Those of them that take jobs.", lambda lane: lane.ready),
    "framelane_lane_slots": ("Jobs they can run at once.", lambda lane: lane.slots),
    "framelane_lane_busy_slots": ("Jobs they run.", lambda lane: lane.busy),
}


def _of_lanes(moment: Moment) -> Iterable[Metric]:
    depth = GaugeMetricFamily("framelane_lane_depth", "Jobs that wait.", labels=["lane"])
    oldest = GaugeMetricFamily(
        "framelane_lane_oldest_wait_seconds",
        "So long the first of them has waited; 0: none waits.",
        labels=["lane"],
    )
    for lane, backlog in sorted(moment.backlog.items()):
        depth.add_metric([lane], backlog.depth)
        oldest.add_metric([lane], (backlog.oldest_wait_ms or 0.0) / 1_000)
    yield from (depth, oldest)
    lanes = {lane.name: lane for lane in live_lanes(moment.workers, dict(moment.backlog))}
    # A lane that had jobs and has no worker is told as 0, or nobody could be warned of it.
    empty = {
        name: LaneState(name=name, workers=0, slots=0, busy=0, models=frozenset(), ready=0)
        for name in moment.backlog
    }
    for name, (about, value) in _LANES.items():
        family = GaugeMetricFamily(name, about, labels=["lane"])
        for lane, state in sorted((empty | lanes).items()):
            family.add_metric([lane], value(state))
        yield family


def _of_workers(workers: Sequence[WorkerInfo]) -> Iterable[Metric]:
    resident = GaugeMetricFamily(
        "framelane_worker_resident_bytes",
        "Memory of a lane's worker processes on a host.",
        labels=["host", "lane"],
    )
    sums: dict[tuple[str, str], float] = {}
    for worker in workers:
        place = (worker.host, worker.lane)
        sums[place] = sums.get(place, 0.0) + (worker.rss_bytes or 0)
    for place, total in sorted(sums.items()):
        resident.add_metric(list(place), total)
    yield resident


def _of_leases(leases: Sequence[DeviceLease]) -> Metric:
    family = GaugeMetricFamily(
        "framelane_device_leased", "1: a job has the device for itself.", labels=["host", "device"]
    )
    for lease in leases:
        family.add_metric([lease.host, lease.device], 1.0)
    return family


def _of_hosts(moment: Moment) -> Iterable[Metric]:
    hosts = {(host,): own for host, own in machines(moment.workers).items()}
    accelerators = devices(moment.workers)
    for name, figure in FIGURES.items():
        family, places = (
            (GaugeMetricFamily(figure.metric, figure.about, labels=["host", "device"]), accelerators)
            if of_device(name)
            else (GaugeMetricFamily(figure.metric, figure.about, labels=["host"]), hosts)
        )
        for place, own in sorted(places.items()):
            if name in own:
                family.add_metric(list(place), own[name] * figure.scale)
        yield family
