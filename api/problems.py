"""Errors as HTTP: the only place that knows which status an error code has, and how a problem looks."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from api.services.documents import plainly
from shared.access_errors import TooManyRequests
from shared.errors import (
    BrokerUnavailable,
    DeviceUnavailable,
    FramelaneError,
    Full,
    InvalidSpec,
    StoreUnavailable,
    TooManyUploads,
    Unavailable,
    UploadStalled,
    UploadTooLarge,
)
from shared.jobs import ErrorInfo
from shared.media_errors import BY_CODE

_log = structlog.stdlib.get_logger()

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""Broken rules listed one by one; a batch of thousands can break each in every row."""

_STATUS: Mapping[str, int] = {
    "invalid-spec": 422,
    "malformed-json": 400,
    "job-not-found": 404,
    "illegal-transition": 409,
    "job-conflict": 409,
    "stale-claim": 409,
    "inputs-expired": 410,
    "model-not-found": 404,
    "model-not-installed": 409,
    "model-in-use": 409,
    "archive-refused": 422,
    "medium-not-installed": 409,
    "medium-not-found": 404,
    "medium-in-use": 409,
    **dict.fromkeys(BY_CODE, 422),
    "medium-refused": 422,
    "file-exists": 409,
    "image-set-already-exists": 409,
    "archive-too-large": 413,
    "malformed-yaml": 400,
    "upload-error": 422,
    "upload-not-found": 404,
    "upload-changed": 409,
    "upload-incomplete": 409,
    "upload-used": 409,
    "file-too-large": 413,
    "upload-stalled": 408,
    "no-direct-upload": 409,
    "too-many-uploads": 429,
    "pipeline-unreadable": 422,
    "pipeline-not-found": 404,
    "pipeline-exists": 409,
    "pipeline-changed": 412,
    "precondition-required": 428,
    "pipeline-read-only": 409,
    "pipeline-failed": 422,
    "checksum-mismatch": 502,
    "source-refused": 422,
    "source-unavailable": 502,
    "input-unreadable": 422,
    "nothing-detected": 404,
    "artifact-not-found": 404,
    "benchmark-not-found": 404,
    "out-of-space": 507,
    "session-error": 409,
    "session-not-found": 404,
    "session-taken": 409,
    "session-idle": 408,
    "session-over": 410,
    "too-many-sessions": 503,
    "frames-lost": 422,
    "frame-refused": 422,
    "frame-too-large": 413,
    "frame-unreadable": 422,
    "frames-too-fast": 429,
    "client-too-slow": 429,
    "gateway-stops": 503,
    "stopped": 409,
    "cancelled": 409,
    "timeout": 504,
    "expired": 504,
    "poison": 422,  # each worker that tried it was lost: what was sent can't be worked on
    "lost": 503,
    "worker-left": 503,
    "unavailable": 503,
    "device-unavailable": 503,
    "device-memory": 503,
    "device-leased": 503,
    "unauthenticated": 401,
    "forbidden": 403,
    "key-not-found": 404,
    "too-many-requests": 429,
    "too-many-active-jobs": 429,
    "queue-full": 503,
    "too-many-jobs": 429,
    "broker-unavailable": 503,
    "store-unavailable": 503,
}
"""Codes that aren't here are 500 (a job's that may be tried again: 503): ours to repair, not the caller's."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_RETRY_AFTER_S: Mapping[type[Unavailable], int] = {DeviceUnavailable: 5, Unavailable: 1}


class FieldError(BaseModel):
    """One broken rule. ``pointer``: JSON pointer into the caller's document, or ``/<name>`` of a parameter."""

    pointer: str
    message: str


class Problem(BaseModel):
    """What every error looks like (RFC 9457). ``type`` is stable: ``urn:framelane:error:<code>``."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []


class Refused(HTTPException):
    """A request refused for how it was sent, before anything of ours looked at what it says."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.code = code


def status_of(code: str) -> int:
    """The HTTP status of an error code."""
    return _STATUS.get(code, 500)


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    instance: str,
    errors: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """A problem response; ``members`` are further fields of its body."""
    body: dict[str, Any] = {
        "type": f"urn:framelane:error:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if errors:
        body["errors"] = [{"pointer": pointer, "message": message} for pointer, message in errors[:MOST_ERRORS]]
        if len(errors) > MOST_ERRORS:
            body["errors_left_out"] = len(errors) - MOST_ERRORS
    return Response(json.dumps(body | members), status, headers, MEDIA_TYPE)


def of_error(error: FramelaneError, instance: str) -> Response:
    """The response for an error of ours."""
    headers: dict[str, str] = {}
    errors: Sequence[tuple[str, str]] = ()
    detail = error.detail
    if isinstance(error, Unavailable):
        seconds = next(wait for kind, wait in _RETRY_AFTER_S.items() if isinstance(error, kind))
        headers["Retry-After"] = str(seconds)
    if isinstance(error, Full | TooManyRequests) and error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, TooManyUploads):
        headers["Retry-After"] = "30"
    if isinstance(error, UploadTooLarge | UploadStalled):
        headers["Connection"] = "close"  # the rest of the body isn't read
    if isinstance(error, BrokerUnavailable | StoreUnavailable):
        _log.warning("part unavailable", code=error.code, reason=error.detail)
        detail = error.title()  # the rest names addresses
    if isinstance(error, InvalidSpec):
        errors = error.broken
        detail = f"{len(errors)} broken rule{'' if len(errors) == 1 else 's'}"
    return problem(status_of(error.code), error.code, error.title(), detail, instance, errors, headers)


def of_failure(error: ErrorInfo, instance: str, job_id: str) -> Response:
    """The response of a synchronous route whose job failed."""
    headers: dict[str, str] = {}
    status = _STATUS.get(error.code, 503 if error.retryable else 500)
    if error.retryable or status == HTTPStatus.SERVICE_UNAVAILABLE:
        seconds = _RETRY_AFTER_S[DeviceUnavailable if error.code == DeviceUnavailable.code else Unavailable]
        headers["Retry-After"] = str(seconds)
    return problem(status, error.code, error.title, error.detail, instance, headers=headers, job_id=job_id)


def unexpected(instance: str, request_id: str) -> Response:
    """The response to a fault of ours: it says nothing of what is inside."""
    detail = f"unexpected; the log has it under request {request_id}"
    return problem(500, FramelaneError.code, FramelaneError.title(), detail, instance)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem."""
    app.exception_handler(FramelaneError)(_raised)
    for kind in (RequestValidationError, WebSocketRequestValidationError):
        app.exception_handler(kind)(_validation_error)
    app.exception_handler(HTTPException)(_raised)


def of_exception(request: Request, error: FramelaneError | HTTPException) -> Response:
    """The response for what a route raised."""
    if isinstance(error, FramelaneError):
        return of_error(error, request.url.path)
    phrase = HTTPStatus(error.status_code).phrase
    code = error.code if isinstance(error, Refused) else phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return problem(error.status_code, code, phrase, str(error.detail), request.url.path, headers=headers)


async def _raised(request: Request, error: FramelaneError | HTTPException) -> Response:
    return of_exception(request, error)


async def _validation_error(
    request: Request, error: RequestValidationError | WebSocketRequestValidationError
) -> Response:
    # The first part of a location says where: query, path, header.
    broken = [("/" + "/".join(map(str, each["loc"][1:])), plainly(each)) for each in error.errors()]
    return of_error(InvalidSpec(*broken), request.url.path)


def _methods(request: Request) -> list[str]:
    """Every method of the path; Starlette names those of one route only."""
    routes: list[BaseRoute] = request.app.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
