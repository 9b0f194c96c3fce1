"""Handing in jobs: by POST, by PUT with an id of the client's, and again."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import (
    Here,
    IdempotencyKey,
    JobId,
    NewJobId,
    Prefer,
    caller_of,
    preferred_wait,
    travelling_headers,
)
from api.gateway import Gateway
from api.headers import header
from api.reference import ACCEPTED, SPEC_BODY, problems
from api.services.arriving import Arriving
from api.services.intake import Taken
from api.services.submit import Ticket
from api.uploads import is_large, read_spec
from api.views import base_url, job_json, job_url
from shared.errors import InvalidSpec

router = APIRouter(tags=["jobs"])

_REFUSALS = problems(400, 404, 409, 413, 415, 422, 429, 503)


@router.post("/jobs", status_code=202, responses=ACCEPTED | _REFUSALS, openapi_extra=SPEC_BODY)
async def submit_job(
    request: Request, here: Here, idempotency_key: IdempotencyKey = None, prefer: Prefer = None
) -> Response:
    """Accept a job.

    202 with the job, 200 if it ended within `Prefer: wait=N` or was known under its `Idempotency-Key`.
    """
    ticket = Ticket(
        idempotency_key=idempotency_key, headers=travelling_headers(request), caller=caller_of(request)
    )
    return await _submit(request, here, ticket, prefer, once=idempotency_key is None)


@router.put("/jobs/{job_id}", status_code=202, responses=ACCEPTED | _REFUSALS, openapi_extra=SPEC_BODY)
async def put_job(request: Request, here: Here, job_id: NewJobId, prefer: Prefer = None) -> Response:
    """Accept a job under an id of the client's choice; sent again, it is the same job (200).

    Another spec under a known id is a conflict (409).
    """
    ticket = Ticket(job_id=job_id, headers=travelling_headers(request), caller=caller_of(request))
    return await _submit(request, here, ticket, prefer, once=False)


@router.post(
    "/jobs/{job_id}/retry",
    status_code=202,
    responses=ACCEPTED | problems(404, 409, 410, 422, 429, 503),
)
async def retry_job(
    request: Request, here: Here, job_id: JobId, idempotency_key: IdempotencyKey = None, prefer: Prefer = None
) -> Response:
    """Accept a new job with the spec and inputs of a FAILED or CANCELLED one; `retry_of` names that."""
    ticket = Ticket(
        idempotency_key=idempotency_key, headers=travelling_headers(request), caller=caller_of(request)
    )
    wait_s = preferred_wait(prefer, here.settings.limits.wait_s)
    return answer(request, await here.intake.retry(job_id, ticket, wait_s or 0), wait_s)


async def submit(request: Request, here: Gateway) -> Response:
    """What ``submit_job`` answers to a request without an ``Idempotency-Key``."""
    ticket = Ticket(headers=travelling_headers(request), caller=caller_of(request))
    return await _submit(request, here, ticket, header(request.scope, b"prefer"), once=True)


async def _submit(request: Request, here: Gateway, ticket: Ticket, prefer: str | None, *, once: bool) -> Response:
    if not is_large(request):
        return await _take(request, here, ticket, prefer)
    async with here.submitter.arriving(once=once) as arriving:
        return await _take(request, here, ticket, prefer, arriving)


async def _take(
    request: Request, here: Gateway, ticket: Ticket, prefer: str | None, arriving: Arriving | None = None
) -> Response:
    upload = await read_spec(request, here.settings.limits, arriving)
    try:
        prepared = await here.submitter.read(upload.document, upload.files, upload.size)
    except InvalidSpec as error:
        raise upload.as_sent(error) from None
    if arriving is not None and prepared.staged is None:
        await arriving.drop()
    wait_s = preferred_wait(prefer, here.settings.limits.wait_s)
    return answer(request, await here.intake.accept(prepared, ticket, wait_s or 0), wait_s)


def answer(request: Request, taken: Taken, wait_s: int | None) -> Response:
    """The job: 200 if it was waited for and has ended, or was known before; else 202."""
    base, record = base_url(request), taken.seen.record
    headers = {"Location": job_url(base, record.id)}
    if wait_s is not None:
        headers["Preference-Applied"] = f"wait={wait_s}"
    ended = wait_s is not None and record.terminal
    status = 202 if taken.fresh and not ended else 200
    return Response(job_json(record, base, taken.seen.outcome), status, headers, "application/json")
