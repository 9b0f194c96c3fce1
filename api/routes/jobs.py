"""Looking at jobs, stopping them, removing them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from api.dependencies import Here, JobId
from api.reference import ONE_JOB, optional_body, problems
from api.services.documents import parse
from api.views import JobList, base_url, job_json, page_json
from shared.devices import DeviceRequest
from shared.errors import InvalidSpec
from shared.inputs import Wire
from shared.ports import JobQuery
from shared.specs import JobKind
from shared.states import JobState

router = APIRouter(tags=["jobs"])

JSON = "application/json"
_LONGEST_NAME = 63


def _label(value: str) -> str:
    if not 1 <= value.find(":") <= _LONGEST_NAME:
        raise PydanticCustomError("label", "must be name:value, the name of at most 63 characters")
    return value


LabelFilter = Annotated[str, AfterValidator(_label), Field(max_length=264, examples=["camera:door"])]
"""``name:value`` of a label."""


class CancelRequest(Wire):
    """Why the work shall stop."""

    reason: Annotated[str, Field(max_length=500)] = "asked for"


_CANCEL: TypeAdapter[CancelRequest] = TypeAdapter(CancelRequest)


@router.get("/jobs", responses={200: {"model": JobList}} | problems(422, 503))
async def list_jobs(
    request: Request,
    here: Here,
    *,
    kind: JobKind | None = None,
    state: JobState | None = None,
    device: DeviceRequest | None = None,
    label: Annotated[list[LabelFilter] | None, Query(description="name:value; several must all hold")] = None,
    limit: Annotated[int, Query(ge=1)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """List jobs, newest first, one page at a time."""
    if limit > here.settings.limits.page:
        raise InvalidSpec(("/limit", f"must be at most {here.settings.limits.page}"))
    query = JobQuery(kind, state, device, labels_of(label or []), limit, cursor)
    page = await here.parts.store.find(query)
    return Response(page_json(page.jobs, page.next_cursor, base_url(request)), media_type=JSON)


@router.get("/jobs/{job_id}", responses=ONE_JOB | problems(404, 422, 503))
async def get_job(
    request: Request,
    here: Here,
    job_id: JobId,
    wait: Annotated[int, Query(ge=0, description="seconds to wait for the end of the job")] = 0,
) -> Response:
    """The job as it is, or as it ends within `wait` seconds."""
    if wait > here.settings.limits.wait_s:
        raise InvalidSpec(("/wait", f"must be at most {here.settings.limits.wait_s}"))
    seen = await (here.followers.end_of(job_id, wait) if wait else here.parts.store.look(job_id))
    return Response(job_json(seen.record, base_url(request), seen.outcome), media_type=JSON)


@router.post(
    "/jobs/{job_id}/cancel",
    responses=ONE_JOB
    | {202: {**ONE_JOB[200], "description": "It runs and was asked to stop"}}
    | problems(400, 404, 409, 422, 503),
    openapi_extra=optional_body("CancelRequest"),
)
async def cancel_job(request: Request, here: Here, job_id: JobId) -> Response:
    """Stop a job: at once while it waits (200), within ten seconds when it runs (202)."""
    body = await request.body()
    reason = (parse(_CANCEL, body) if body else CancelRequest()).reason
    record = await here.parts.store.request_cancel(job_id, reason)
    status = 200 if record.terminal else 202
    if record.terminal:
        here.meters.cancelled(record.kind, record.lane)
    return Response(job_json(record, base_url(request)), status, media_type=JSON)


@router.delete("/jobs/{job_id}", status_code=204, responses=problems(404, 409, 503))
async def delete_job(here: Here, job_id: JobId) -> Response:
    """Remove a job that has ended, and its artifacts."""
    await here.files.delete_job(job_id)
    return Response(status_code=204)


def labels_of(given: list[str]) -> dict[str, str]:
    """``name:value`` pairs as a mapping."""
    return {name: value for name, _, value in (label.partition(":") for label in given)}
