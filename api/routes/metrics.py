"""Figures of the running system: for Prometheus, and as they change, for screens."""

from collections.abc import AsyncIterator, Mapping

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.responses import Response

from api.dependencies import Here
from api.gateway import Gateway
from api.reference import Responses, problems
from api.routes.events import HEADERS, Patient
from api.routes.health import LaneView
from api.services.overview import Moment, devices, families, machines
from shared.workers import PipelineRate, live_lanes

router = APIRouter(tags=["operation"])
scrape = APIRouter(tags=["operation"])

_TEXT: Responses = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format"}
}
_STREAM: Responses = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "Server-sent events called `metrics`; the data of each is a MetricsNews",
    }
}


class HostFigures(BaseModel):
    """A machine. What it doesn't have isn't there."""

    host: str
    figures: Mapping[str, float]


class DeviceFigures(HostFigures):
    """An accelerator of a machine; ``device`` is the hardware's own name."""

    device: str


class WorkerFigures(BaseModel):
    """A worker process; ``cpu_percent`` is of one core."""

    id: str
    host: str
    lane: str
    busy: int
    concurrency: int
    cpu_percent: float | None
    rss_bytes: int | None
    pipelines: list[PipelineRate]


class MetricsNews(BaseModel):
    """The system at ``at`` (seconds since the epoch); empty lists while the store doesn't answer."""

    at: float
    store: bool
    lanes: list[LaneView]
    hosts: list[HostFigures]
    devices: list[DeviceFigures]
    workers: list[WorkerFigures]

    @classmethod
    def of(cls, moment: Moment) -> "MetricsNews":
        """What screens are told of it."""
        workers = moment.workers
        return cls(
            at=moment.at,
            store=moment.answered,
            lanes=[LaneView.of(lane) for lane in live_lanes(workers, dict(moment.backlog))],
            hosts=[HostFigures(host=host, figures=own) for host, own in machines(workers).items()],
            devices=[
                DeviceFigures(host=host, device=device, figures=own)
                for (host, device), own in devices(workers).items()
            ],
            workers=[WorkerFigures.model_validate(worker, from_attributes=True) for worker in workers],
        )


@scrape.get("/metrics", response_class=Response, responses=_TEXT | problems())
async def metrics(here: Here) -> Response:
    """Figures for Prometheus: of all processes of this gateway, and of lanes, workers and machines behind it."""
    here.count()
    text = here.meters.text(families(await here.overview.now()))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@router.get("/metrics/stream", response_class=Response, responses=_STREAM | problems())
async def stream_metrics(here: Here) -> Response:
    """Load, memory, power, lanes, workers and frame rates, told again and again as they are."""
    return Patient(_lines(here), here.settings.limits.ping_s, HEADERS)


async def _lines(here: Gateway) -> AsyncIterator[bytes]:
    while True:
        news = MetricsNews.of(await here.overview.now())
        yield format_sse_event(data_str=news.model_dump_json(), event="metrics")
        if not await here.stays(here.settings.metrics.stream_s):
            return
