"""The hardware that live workers have, and the workers."""

from collections import defaultdict

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.callers import caller
from api.dependencies import Here
from api.gateway import Gateway
from api.reference import problems
from shared.devices import DeviceInfo
from shared.errors import JobNotFound
from shared.workers import DeviceLease, WorkerInfo, live_lanes

router = APIRouter(tags=["devices"])


_ANOTHERS = "a job of another tenant"


class LeaseView(BaseModel):
    """A job that has a device for itself; null: one of another tenant. ``left_s``: unless it is renewed."""

    job_id: str | None
    left_s: float


class DeviceView(DeviceInfo):
    """A device of a host, over all workers pinned to it. ``load``: busy slots of all slots, in [0, 1].

    ``unready``: why workers of it take no jobs; null if all do.
    """

    host: str
    runtimes: list[str]
    models: list[str]
    lanes: list[str]
    workers: int
    slots: int
    busy: int
    load: float
    memory_free_bytes: int | None
    unready: str | None
    lease: LeaseView | None = Field(description="while a job has the device for itself; others wait")
    service_ms: dict[str, float] = Field(description="how long jobs took lately, by their work; `*`: all")

    @classmethod
    def of(cls, crew: list[WorkerInfo], lease: LeaseView | None) -> "DeviceView":
        """From the workers of one device."""
        first = min(crew, key=lambda worker: worker.lane)
        slots = sum(worker.concurrency for worker in crew)
        busy = sum(worker.busy for worker in crew)
        (told,) = live_lanes((worker.model_copy(update={"queues": ["device"]}) for worker in crew), {})
        return cls(
            **first.device.model_dump(),
            host=first.host,
            runtimes=sorted({name for worker in crew for name in worker.runtimes}),
            models=sorted({name for worker in crew for name in worker.models}),
            lanes=sorted({worker.lane for worker in crew}),
            workers=len(crew),
            slots=slots,
            busy=busy,
            load=busy / max(slots, 1),
            memory_free_bytes=told.memory_free_bytes,
            unready=told.unready,
            lease=lease,
            service_ms=told.service_ms,
        )


class DeviceList(BaseModel):
    """Devices somebody serves."""

    devices: list[DeviceView]


class WorkerList(BaseModel):
    """Live workers."""

    workers: list[WorkerInfo]


@router.get("/devices", responses=problems(503))
async def list_devices(here: Here) -> DeviceList:
    """Devices of live workers, with what they run, how busy they are, and who has them for itself."""
    workers, _ = await here.lanes.now()
    leases = {(lease.host, lease.device): await _told(here, lease) for lease in await here.lanes.leases()}
    crews: dict[tuple[str, str], list[WorkerInfo]] = defaultdict(list)
    for worker in workers:
        crews[worker.host, worker.device.key].append(worker)
    views = [DeviceView.of(crew, leases.get(place)) for place, crew in crews.items()]
    return DeviceList(devices=sorted(views, key=lambda view: (view.host, view.id)))


@router.get("/workers", responses=problems(503))
async def list_workers(here: Here) -> WorkerList:
    """Workers whose heartbeat is fresh."""
    workers, _ = await here.lanes.now()
    holders = {worker.leased_by for worker in workers if worker.leased_by is not None}
    others = {holder for holder in holders if not await _may_know(here, _job_of(holder))}
    told = [
        worker.model_copy(update={"leased_by": _ANOTHERS}) if worker.leased_by in others else worker
        for worker in workers
    ]
    return WorkerList(workers=told)


async def _told(here: Gateway, lease: DeviceLease) -> LeaseView:
    job_id = _job_of(lease.holder)
    return LeaseView(job_id=job_id if await _may_know(here, job_id) else None, left_s=lease.left_s)


async def _may_know(here: Gateway, job_id: str) -> bool:
    if caller().sees is None:
        return True
    try:
        await here.parts.store.tenant(job_id)
    except JobNotFound:
        return False
    return True


def _job_of(holder: str) -> str:
    return holder.partition("/")[0]
