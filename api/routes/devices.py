"""The hardware that live workers have, and the workers."""

from collections import defaultdict

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Here
from api.reference import problems
from shared.devices import Device
from shared.workers import WorkerInfo

router = APIRouter(tags=["devices"])


class DeviceView(BaseModel):
    """A device of a host, over all workers pinned to it. ``load``: busy slots of all slots, in [0, 1]."""

    id: str
    host: str
    family: Device
    full_name: str
    memory_bytes: int | None
    cores: int | None
    runtimes: list[str]
    models: list[str]
    lanes: list[str]
    workers: int
    slots: int
    busy: int
    load: float

    @classmethod
    def of(cls, crew: list[WorkerInfo]) -> "DeviceView":
        """From the workers of one device."""
        first = crew[0]
        slots = sum(worker.concurrency for worker in crew)
        busy = sum(worker.busy for worker in crew)
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
        )


class DeviceList(BaseModel):
    """Devices somebody serves."""

    devices: list[DeviceView]


class WorkerList(BaseModel):
    """Live workers."""

    workers: list[WorkerInfo]


@router.get("/devices", responses=problems(503))
async def list_devices(here: Here) -> DeviceList:
    """Devices of live workers, with what they run and how busy they are."""
    workers, _ = await here.lanes.now()
    crews: dict[tuple[str, str], list[WorkerInfo]] = defaultdict(list)
    for worker in workers:
        crews[worker.host, worker.device.id].append(worker)
    return DeviceList(devices=[DeviceView.of(crew) for _, crew in sorted(crews.items())])


@router.get("/workers", responses=problems(503))
async def list_workers(here: Here) -> WorkerList:
    """Workers whose heartbeat is fresh."""
    workers, _ = await here.lanes.now()
    return WorkerList(workers=workers)
