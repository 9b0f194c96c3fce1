"""What routes ask for by type."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, params
from fastapi.dependencies.utils import get_flat_params
from starlette.requests import HTTPConnection

from api.callers import caller
from api.gateway import Gateway
from api.headers import header
from shared import tracing
from shared.errors import InvalidSpec, JobNotFound

_PREFER_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


# FastAPI calls what isn't a coroutine in a thread: none of these is worth the way there and back.


async def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that serves this request or socket."""
    return connection.app.state.gateway


Here = Annotated[Gateway, Depends(gateway_of)]


async def known_id(job_id: Annotated[str, Path(description="the job's id")]) -> str:
    """The id in canonical form; what isn't a UUID was never given out."""
    return canonical(job_id)


async def new_id(job_id: Annotated[str, Path(description="a UUID of the client's choice")]) -> str:
    """The client's id in canonical form."""
    try:
        return str(UUID(job_id))
    except ValueError:
        raise InvalidSpec(("/job_id", "must be a UUID")) from None


async def known_query(connection: HTTPConnection) -> None:
    """Raises InvalidSpec for parameters of the query that the route doesn't have: a mistyped filter finds all."""
    if not connection.url.query:
        return
    fields = get_flat_params(connection.scope["route"].dependant)
    known = [field.alias for field in fields if not isinstance(field.field_info, params.Path | params.Header)]
    unknown = sorted(set(connection.query_params) - set(known))
    if unknown:
        said = f"not known here; known: {', '.join(known) or 'none'}"
        raise InvalidSpec(*((f"/{name[:100]}", said) for name in unknown))


def canonical(job_id: str) -> str:
    """A UUID in the form that ids are kept in. Raises JobNotFound for anything else."""
    try:
        return str(UUID(job_id))
    except ValueError:
        msg = f"there is no job {job_id[:100]!r}"
        raise JobNotFound(msg) from None


JobId = Annotated[str, Depends(known_id)]
NewJobId = Annotated[str, Depends(new_id)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="the same key and spec: the same job (200); the same key and another spec: 409",
    ),
]

Prefer = Annotated[str | None, Header(description="`wait=N`: wait up to N seconds for the end of the job")]


def preferred_wait(prefer: str | None, longest_s: int) -> int | None:
    """Seconds of ``Prefer: wait=N`` (RFC 7240), cut to what is allowed; None without one."""
    found = _PREFER_WAIT.search(prefer) if prefer else None
    return min(int(found[1]), longest_s) if found else None


def travelling_headers(connection: HTTPConnection) -> dict[str, str]:
    """What goes with the job's message to its worker."""
    headers = {"request_id": str(connection.scope["state"]["request_id"])}
    if traceparent := tracing.traceparent(header(connection.scope, b"traceparent")):
        headers["traceparent"] = traceparent[:200]
    return headers


def caller_of(connection: HTTPConnection) -> str:
    """Whose jobs are counted together: those of a key or subject, else of the client's address."""
    if name := caller().name:
        return name
    client = connection.scope.get("client")
    return client[0] if client else ""
