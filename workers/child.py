"""The process that does the work, as a warden's child. The composition root of the workshop: it knows adapters."""

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import structlog

from shared import tracing
from shared.adapters.build import artifact_store
from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.redis_benchmarks import RedisBenchmarkWriter
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.adapters.redis_leases import RedisDeviceLeases
from shared.adapters.redis_pipelines import RedisVariantWriter
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.adapters.redis_server import UnfitServer, check_servers
from shared.adapters.redis_sessions import RedisFrameStore
from shared.adapters.redis_uploads import RedisUploadStore
from shared.catalogue import Catalogue, load_catalogue
from shared.devices import DeviceInfo, Lane, LaneClass
from shared.errors import StoreUnavailable
from shared.media import load_media
from shared.moving import EVERY_S as MOVE_EVERY_S
from shared.moving import Movers
from shared.ports import ArtifactStore
from shared.settings import ArtifactSettings, Settings, WorkerSettings
from shared.specs import JobKind
from shared.telemetry import FollowedLevel, configure_logging
from shared.upkeep import Upkeep
from shared.workers import WorkerInfo
from workers import arguments as arguments_of_worker
from workers import hardware, meters, pinning, tasks
from workers.devices.contract import Devices
from workers.devices.machine import Machine
from workers.errands import errands
from workers.errors import CannotStart
from workers.exclusive import Exclusive
from workers.handlers import Handler, WorkerEnvironment, build_handlers
from workers.intake import Intake
from workers.keeper import Keeper
from workers.loops import Loop
from workers.machine import MachineLook
from workers.media_store import MediaStore
from workers.model_store import ModelStore
from workers.outbox import Outbox
from workers.presence import Presence
from workers.pulse import Pulse
from workers.rates import RATES
from workers.runner import Runner, WorkerIdentity
from workers.scrape import Scrape
from workers.scratch import ScratchRoot
from workers.service_times import ServiceTimes
from workers.sessions.assembly import register_sessions
from workers.shift import Crew, Shift
from workers.vigil import DeviceVigil, LeaseVigil
from workers.warden import DEATHS

BuildHandlers = Callable[[WorkerEnvironment], Mapping[JobKind, Handler]]

_UPKEEP_PAUSE_S = 5.0
_PROCESS_STOP_S = 4.0
"""For a pipeline's process, after the time it has for its files."""

log = structlog.stdlib.get_logger()


def main(
    arguments: Sequence[str] | None = None,
    build: BuildHandlers = build_handlers,
    devices: Devices | None = None,
) -> int:
    """Run a worker until it is told to stop. Exit status 78 (EX_CONFIG) if it can't start as asked.

    ``devices``: this machine's by default.
    """
    asked = arguments_of_worker.read(arguments, Settings())
    configure_logging(asked.settings.log, f"worker:{asked.settings.worker.lane}")
    host = devices or Machine()
    meters.died_before(int(os.environ.pop(DEATHS, "0")))
    try:
        check_servers(asked.settings)
        device = pin(asked.lane, asked.device or asked.lane.device, asked.settings.worker, host)
        shift = assemble(asked.settings, asked.lane, device, build, host)
        end_tracing = tracing.begin(asked.settings.tracing, f"worker:{asked.settings.worker.lane}")
    except (CannotStart, UnfitServer, tracing.NoTracing) as error:
        log.error("worker_cannot_start", reason=str(error))  # noqa: TRY400 - a sentence for people, no crash
        return os.EX_CONFIG
    try:
        return shift.run()
    finally:
        end_tracing()


def pin(lane: Lane, device: str, settings: WorkerSettings, devices: Devices | None = None) -> DeviceInfo:
    """Bind this process to its device. Raises CannotStart. No heavy library may be loaded yet."""
    pinning.check_family(lane, device)
    cores = pinning.pin_cores(settings.cores)
    found = hardware.detect(device, devices or Machine())
    os.environ.update(pinning.pinned_environment(lane, found, settings.threads or cores, os.environ))
    return found.info


@dataclass(frozen=True, slots=True)
class _Doors:
    """The adapters of one process."""

    store: RedisAttemptStore
    beacon: RedisWorkerBeacon
    artifacts: ArtifactStore
    queue: CeleryJobQueue
    uploads: RedisUploadStore
    leases: RedisDeviceLeases
    benchmarks: RedisBenchmarkWriter
    variants: RedisVariantWriter
    frames: RedisFrameStore

    @classmethod
    def of(cls, settings: Settings) -> "_Doors":
        return cls(
            RedisAttemptStore(settings),
            RedisWorkerBeacon(settings),
            _artifacts(settings.artifacts),
            CeleryJobQueue(settings),
            RedisUploadStore(settings),
            RedisDeviceLeases(settings),
            RedisBenchmarkWriter(settings),
            RedisVariantWriter(settings),
            RedisFrameStore(settings),
        )

    @property
    def closers(self) -> list[Callable[[], None]]:
        closed_last = (self.benchmarks, self.variants, self.uploads, self.frames, self.store)
        return [each.close for each in (self.queue, self.beacon, self.leases, *closed_last)]


def assemble(settings: Settings, lane: Lane, device: DeviceInfo, build: BuildHandlers, devices: Devices) -> Shift:
    """Make the parts and wire them; ``build`` makes the handlers and loads their libraries. Raises CannotStart."""
    worker, doors = settings.worker, _Doors.of(settings)
    me, host = f"{lane.name}@{socket.gethostname()}-{os.getpid()}", worker.host or socket.gethostname()
    scratch = ScratchRoot(worker.data_dir, me)
    store, slots = doors.store, _slots(worker, lane)
    environment = _environment(settings, lane, device, host, doors)
    handlers = build(environment)
    keeper = Keeper(store, worker.lease_s, worker.renew_s, _grace_s(settings, lane))
    outbox = Outbox(store, doors.queue, worker.retry_base_s)
    identity = WorkerIdentity(
        *(me, device, scratch.path, worker.lease_s, worker.artifact_patience_s, lane.queues),
        together=settings.batching.jobs,
    )
    intake, times = Intake(), ServiceTimes()
    runner = Runner(identity, store, doors.artifacts, handlers, keeper, outbox, intake, times)
    tasks.register(doors.queue.app, handlers, runner.run, runner.run_batch)
    app, about = doors.queue.app, (me, intake, runner.gate)
    register_sessions(app, environment, handlers, doors.frames, doors.queue, *about)
    vigil = DeviceVigil(device, devices, intake, worker.probe_s)
    machine = MachineLook(device, settings.metrics.machine_s)
    presence = Presence(
        _introduced(me, host, lane, device, slots),
        doors.beacon,
        list(handlers.values()),
        lambda: keeper.busy,
        worker.heartbeat_s,
        warm=worker.preload,
        more=lambda: _state(intake, times, vigil, machine),
    )
    intake.on_change(presence.refresh)
    crew = Crew(
        runner=runner,
        intake=intake,
        keeper=keeper,
        outbox=outbox,
        presence=presence,
        pulse=Pulse(me, worker.lease_s),
        beside=[
            vigil,
            machine,
            Scrape(settings.metrics),
            LeaseVigil(me, host, device, doors.leases, intake, worker.lease_look_s),
            *_upkeep(settings, doors, environment.catalogue),
            _levels(settings, doors.beacon),
            *errands(settings, lane, store, doors.queue, lambda: RedisJobStore(settings)),
        ],
        closers=[*(one.close for one in handlers.values()), scratch.close, *doors.closers],
    )
    names = (doors.queue.app, crew, me, lane.queues)
    return Shift(*names, slots=slots, drain_s=worker.drain_s, grace_s=worker.grace_s)


def _environment(
    settings: Settings, lane: Lane, device: DeviceInfo, host: str, doors: _Doors
) -> WorkerEnvironment:
    data, models = settings.worker.data_dir, settings.models
    return WorkerEnvironment(
        settings=settings,
        device=device,
        lane=lane,
        catalogue=load_catalogue(settings.worker.catalogue),
        media=load_media(),
        model_store=ModelStore(data / "models", doors.artifacts, doors.beacon, models.cache_bytes),
        media_store=MediaStore(data / "media", doors.artifacts, doors.beacon, models.media_cache_bytes),
        artifacts=doors.artifacts,
        beacon=doors.beacon,
        attempts=doors.store,
        uploads=doors.uploads,
        exclusive=Exclusive(host, doors.leases, doors.beacon, settings.measuring.lease_s),
        benchmarks=doors.benchmarks,
        variants=doors.variants,
    )


def _upkeep(settings: Settings, doors: _Doors, catalogue: Catalogue) -> list[Loop]:
    """What every worker does for the jobs of all."""
    upkeep = Upkeep(
        doors.store,
        doors.queue,
        resend_s=settings.jobs.resend_s,
        retry_base_s=settings.worker.retry_base_s,
        ageing_s=settings.queue.ageing_s,
        on_lost=meters.attempt_lost,
    )
    beacon = doors.beacon
    movers = Movers(doors.store, beacon.workers, beacon.models, catalogue.by_name, settings.routing)
    return [
        Loop("upkeep", upkeep.every_s, upkeep.round, _UPKEEP_PAUSE_S),
        Loop("moving", MOVE_EVERY_S, movers.round, _UPKEEP_PAUSE_S),
    ]


def _levels(settings: Settings, beacon: RedisWorkerBeacon) -> Loop:
    """Logs as much as workers shall."""
    level = FollowedLevel(settings.log.level)
    return Loop("log-level", settings.worker.heartbeat_s, lambda: level.heed(beacon.log_levels().workers))


def _state(intake: Intake, times: ServiceTimes, vigil: DeviceVigil, machine: MachineLook) -> dict[str, object]:
    """What changes about this process from one heartbeat to the next."""
    return {
        "unready": intake.unready,
        "leased_by": intake.leased_by,
        "service_ms": times.now(),
        "memory_free_bytes": vigil.free_bytes,
        "machine": dict(machine.figures),
        "pipelines": RATES.told(),
    }


def _introduced(me: str, host: str, lane: Lane, device: DeviceInfo, slots: int) -> WorkerInfo:
    """What doesn't change about this process."""
    return WorkerInfo(
        id=me,
        host=host,
        pid=os.getpid(),
        version=_version(),
        lane=lane.name,
        queues=list(lane.queues),
        device=device,
        concurrency=slots,
    )


def _slots(worker: WorkerSettings, lane: Lane) -> int:
    """A long lane runs one job at a time unless more are asked for: each has processes of its own."""
    asked = "concurrency" in worker.model_fields_set
    return worker.concurrency if asked or lane.lane_class is not LaneClass.LONG else 1


def _grace_s(settings: Settings, lane: Lane) -> float:
    """A pipeline that is stopped finishes its files first."""
    if lane.lane_class is not LaneClass.LONG:
        return settings.worker.grace_s
    return max(settings.worker.grace_s, settings.pipelines.stop_s + _PROCESS_STOP_S)


def _artifacts(settings: ArtifactSettings) -> ArtifactStore:
    store = artifact_store(settings)
    try:
        store.ping()  # makes the bucket or the folder
    except StoreUnavailable as error:
        log.warning("artifact_store_awaited", reason=error.detail)
    return store


def _version() -> str:
    try:
        return version("framelane")
    except PackageNotFoundError:
        return "0"


if __name__ == "__main__":
    sys.exit(main())
