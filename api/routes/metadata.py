"""Per-frame records of a pipeline: by pages, or as server-sent events."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import Here, JobId
from api.reference import EVENT_STREAM, problems
from api.routes.events import HEADERS, MOST_SEQ, Patient, line_of, number_of
from api.services.follow import End
from api.services.metadata import MetadataWatch
from shared.states import JobState

router = APIRouter(tags=["metadata"])

MOST_RECORDS = 1_000
"""Of a page."""

After = Annotated[int, Query(ge=0, le=MOST_SEQ, description="number of the last record already known")]
OneStream = Annotated[int | None, Query(ge=0, le=63, description="records of this stream alone")]


class MetadataRecord(BaseModel):
    """A record. ``number`` counts from 1 over all streams of the job; ``record``: as DL Streamer writes it."""

    number: int
    stream: int
    record: dict[str, Any]


class MissedRecords(BaseModel):
    """Records from ``first`` to ``last`` aren't kept any more."""

    type: Literal["missed"] = "missed"
    first: int
    last: int


class RecordsRestarted(BaseModel):
    """An attempt was lost and another began: records with lower numbers than ``number`` are void."""

    type: Literal["restarted"] = "restarted"
    number: int


class MetadataEnd(BaseModel):
    """The job has ended in ``state``, and all its records were told."""

    type: Literal["end"] = "end"
    state: JobState


class MetadataPage(BaseModel):
    """Oldest first. ``first``, ``last``: of all that are kept, 0 if none is; ``next_after``: for the next page."""

    records: list[MetadataRecord]
    first: int = Field(description="higher than `after` + 1: those between aren't kept any more")
    last: int
    restarted: int = Field(
        description="higher than `after`: an attempt was lost since, and what came before is void; 0 if none was"
    )
    next_after: int


@router.get("/jobs/{job_id}/metadata", responses={200: {"model": MetadataPage}} | problems(404, 422, 503))
async def list_metadata(
    here: Here,
    job_id: JobId,
    *,
    stream: OneStream = None,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_RECORDS)] = 100,
) -> Response:
    """Records of a pipeline that are kept, while it runs and afterwards."""
    return Response(await here.metadata.page(job_id, after, stream, limit), media_type="application/json")


async def watched(
    here: Here,
    job_id: JobId,
    *,
    stream: OneStream = None,
    after: After = 0,
    last_event_id: Annotated[str | None, Header(description="wins over `after`")] = None,
) -> AsyncGenerator[MetadataWatch | None]:
    """Follow the records while the response is sent; None: the client that comes back has them all."""
    if last_event_id:
        after = number_of(last_event_id)
    async with here.metadata.watch(job_id, stream) as watch:
        has_more = await watch.begin(after)
        yield watch if has_more or not last_event_id else None


@router.get(
    "/jobs/{job_id}/metadata/stream",
    response_class=Response,  # as for the events of a job
    responses=EVENT_STREAM | problems(404, 422, 503),
)
async def stream_metadata(here: Here, watch: Annotated[MetadataWatch | None, Depends(watched)]) -> Response:
    """Follow the records of a pipeline: those kept after `after` (or `Last-Event-ID`), then each as it comes.

    A `record` has its number as id. `missed` names the first and last number of records that aren't kept any more;
    `restarted` says that those before are void, as the attempt that wrote them was lost and another began; `end`
    follows the last record of a job that has ended. 204: there is nothing more for a client that comes back.
    """
    if watch is None:
        return Response(status_code=204)
    return Patient(_lines(watch), here.settings.limits.ping_s, HEADERS)


async def _lines(watch: MetadataWatch) -> AsyncIterator[bytes]:
    async with aclosing(watch.frames()) as frames:
        async for frame in frames:
            if isinstance(frame, End):
                return
            yield line_of(frame)
