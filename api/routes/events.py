"""A job's events as server-sent events."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from functools import lru_cache
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.dependencies import Here, JobId
from api.reference import EVENT_STREAM, problems
from api.services.follow import End, Frame, Watch
from api.services.guests import staying
from shared.errors import InvalidSpec

router = APIRouter(tags=["events"])

MOST_SEQ = 10**18 - 1
"""Higher than any job gets. Python refuses to read a number of thousands of digits."""
_RECENT = 128
"""Events that are kept as bytes while they go out to everybody who follows."""
_EVENT_ID = re.compile(r"[0-9]{1,18}")

AfterSeq = Annotated[
    int | None,
    Query(ge=0, le=MOST_SEQ, description="the last event already known; 0: from the first one that is kept"),
]

_log = structlog.stdlib.get_logger()

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def watched(
    here: Here,
    job_id: JobId,
    after_seq: AfterSeq = None,
    last_event_id: Annotated[str | None, Header(description="wins over `after_seq`")] = None,
) -> AsyncGenerator[Watch]:
    """Follow the job while the response is sent."""
    if last_event_id:
        after_seq = number_of(last_event_id)
    async with here.followers.watch(job_id, after_seq or 0) as watch:
        yield watch


def number_of(last_event_id: str) -> int:
    """The number that is an event's id. Raises InvalidSpec for what was never one."""
    if not _EVENT_ID.fullmatch(last_event_id):
        raise InvalidSpec(("/Last-Event-ID", "must be the id of an event of this job"))
    return int(last_event_id)


class Patient(EventSourceResponse):
    """Waits ``within_s`` seconds for its reader to take what it is sent, then lets go of it.

    It ends, too, when the key it was asked for with is no good any more.
    """

    def __init__(self, content: AsyncIterator[bytes], within_s: float, headers: Mapping[str, str]) -> None:
        super().__init__(content, headers=headers)
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        begun = False

        async def send_in_time(message: Message) -> None:
            nonlocal begun
            async with asyncio.timeout(self._within_s):
                await send(message)
            begun = True

        stay = asyncio.timeout(None)
        try:
            async with stay:
                with staying(scope, lambda: _end(stay)):
                    await super().__call__(scope, receive, send_in_time)
        except (ClientDisconnect, TimeoutError):
            if stay.expired() and begun:
                with suppress(TimeoutError, OSError):
                    await send_in_time({"type": "http.response.body", "body": b"", "more_body": False})
                return
            # From ASGI 2.4 on Starlette takes a timeout for a client that left, which comes to the same.
            _log.info("an event stream's reader left, or reads no more", path=scope["path"])


def _end(stay: asyncio.Timeout) -> None:
    if not stay.expired():
        stay.reschedule(asyncio.get_running_loop().time())


@router.get(
    "/jobs/{job_id}/events",
    response_class=Response,  # FastAPI's own way of sending events has a fixed ping and writes the JSON anew
    responses=EVENT_STREAM | problems(404, 422, 503),
)
async def stream_events(here: Here, watch: Annotated[Watch, Depends(watched)]) -> Response:
    """Follow a job: what was missed after `after_seq` (or `Last-Event-ID`), then events as they happen.

    Each has its `seq` as id and ends the stream if it ends the job. Where events are no longer kept, a `snapshot`
    stands for them. 204 if the job has ended and nothing was missed, which tells a browser not to come back.
    """
    if watch.told:
        return Response(status_code=204)
    return Patient(_lines(watch), here.settings.limits.ping_s, HEADERS)


async def _lines(watch: Watch) -> AsyncIterator[bytes]:
    async with aclosing(watch.frames()) as frames:
        async for frame in frames:
            if isinstance(frame, End):
                return
            yield line_of(frame)


@lru_cache(maxsize=_RECENT)
def line_of(frame: Frame) -> bytes:
    """A frame as an event, written once for all who are told it; pings are comments."""
    if frame.type == "ping":
        return format_sse_event(comment="ping")
    return format_sse_event(data_str=frame.raw, event=frame.type, id=None if frame.seq is None else str(frame.seq))
