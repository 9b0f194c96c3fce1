"""How the gateway is."""

import asyncio
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from api.dependencies import Here
from api.problems import problem
from api.reference import problems
from api.services.health import CHECK_S, OK, Phase
from api.views import PREFIX
from shared.devices import Lane, LaneClass
from shared.errors import StoreUnavailable
from shared.workers import LaneState

router = APIRouter(tags=["operation"])

_RECORDS_LOST = "the job store lost all its records; noticed at {at}; jobs accepted before that are gone"


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Every part answers."""

    status: Literal["ok"] = "ok"
    checks: dict[str, str]


class LaneView(BaseModel):
    """A lane somebody serves. ``depth``: PENDING jobs; ``oldest_wait_ms`` is null when none waits."""

    name: str
    device: str
    lane_class: LaneClass
    depth: int
    oldest_wait_ms: float | None
    workers: int
    slots: int
    busy: int

    @classmethod
    def of(cls, state: LaneState) -> "LaneView":
        """From what the live workers say."""
        lane = Lane(state.name)
        return cls(
            name=state.name,
            device=lane.device,
            lane_class=lane.lane_class,
            depth=state.backlog.depth,
            oldest_wait_ms=state.backlog.oldest_wait_ms,
            workers=state.workers,
            slots=state.slots,
            busy=state.busy,
        )


class Status(BaseModel):
    """The gateway and the lanes behind it. ``oldest_wait_ms`` is over all lanes.

    ``records_since`` is null unless all records were lost while this gateway ran: then, when it noticed.
    """

    phase: Phase
    version: str
    lanes: list[LaneView]
    workers: int
    oldest_wait_ms: float | None
    records_since: datetime | None
    warnings: list[str]


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live", responses=problems(422))
async def live() -> Alive:
    """200 as long as the process answers."""
    return Alive()


@router.head("/health/ready", include_in_schema=False)
@router.get("/health/ready", responses={200: {"model": Ready}} | problems(422, 503))
async def ready(request: Request, here: Here) -> Response:
    """200 if every part answers; else 503, naming those that don't."""
    checks = await here.health.check()
    failing = {name: told for name, told in checks.items() if told != OK}
    if here.phase is Phase.SHUTDOWN:
        failing["gateway"] = "stops"
    if not failing:
        return JSONResponse(Ready(checks=checks).model_dump())
    detail = "; ".join(f"{name}: {told}" for name, told in failing.items())
    headers = {"Retry-After": "1"}
    return problem(
        503, "not-ready", "Not ready", detail, request.url.path, headers=headers, checks=checks | failing
    )


@router.get(f"{PREFIX}/status", responses=problems())
async def status(here: Here) -> Status:
    """The phase of this gateway and the lanes somebody serves: none while the store doesn't answer."""
    try:
        async with asyncio.timeout(CHECK_S):
            workers, lanes = await here.lanes.now()
    except (StoreUnavailable, TimeoutError):
        workers, lanes = [], []
    views = [LaneView.of(lane) for lane in lanes]
    waits = [lane.oldest_wait_ms for lane in views if lane.oldest_wait_ms is not None]
    lost_at = here.lookout.records_lost_at
    return Status(
        phase=here.phase,
        version=here.version,
        lanes=views,
        workers=len(workers),
        oldest_wait_ms=max(waits, default=None),
        records_since=lost_at,
        warnings=[] if lost_at is None else [_RECORDS_LOST.format(at=lost_at.isoformat(timespec="seconds"))],
    )
