"""WebSockets: one job, or a filtered feed of all. Both begin with how things are."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from api.dependencies import Here, canonical
from api.routes.events import AfterSeq
from api.routes.jobs import LabelFilter, labels_of
from api.services.feed import Feed, wanted
from api.services.follow import End, Frame
from shared.devices import DeviceRequest
from shared.errors import JobNotFound, StoreUnavailable
from shared.ports import JobQuery
from shared.specs import JobKind

router = APIRouter()

NORMAL, GOING_AWAY, TRY_AGAIN_LATER, NO_SUCH_JOB = 1000, 1001, 1013, 4404

_CLOSE = {
    End.FINISHED: (NORMAL, "the job has ended"),
    End.LAGGED: (TRY_AGAIN_LATER, "too slow: come back, to a job with after_seq"),
    End.GONE: (NO_SUCH_JOB, "the job isn't kept any more"),
    End.CLOSING: (GOING_AWAY, "the gateway stops: come back, to a job with after_seq"),
}

Frames = AsyncGenerator[Frame | End]


@router.websocket("/ws/jobs/{job_id}")
async def follow_job(socket: WebSocket, here: Here, job_id: str, after_seq: AfterSeq = None) -> None:
    """Send a snapshot (or what was missed after ``after_seq``), then events, until the job has ended."""
    await socket.accept()
    try:
        async with here.followers.watch(canonical(job_id), after_seq) as watch:
            await converse(socket, watch.frames(), watch.hang_up)
    except JobNotFound as error:
        await _close(socket, NO_SUCH_JOB, error.title())
    except StoreUnavailable as error:
        await _close(socket, TRY_AGAIN_LATER, error.title())


@router.websocket("/ws/events")
async def follow_all(
    socket: WebSocket,
    here: Here,
    kind: JobKind | None = None,
    device: DeviceRequest | None = None,
    label: Annotated[list[LabelFilter] | None, Query()] = None,
) -> None:
    """Send a snapshot of each matching job that hasn't ended, then the events of all that match.

    Events of a job have rising ``seq``, higher than that of its snapshot. There is no ``after_seq``: who comes
    back gets snapshots anew.
    """
    await socket.accept()
    limits = here.settings.limits
    query = JobQuery(kind, None, device, labels_of(label or []), limits.page)
    try:
        with here.hub.follow_all(wanted(query)) as follower:
            feed = Feed(here.parts.store, follower, query, limits.ping_s)
            await converse(socket, feed.frames(), follower.hang_up)
    except StoreUnavailable as error:
        await _close(socket, TRY_AGAIN_LATER, error.title())


async def converse(socket: WebSocket, frames: Frames, hang_up: Callable[[], None]) -> None:
    """Send frames until they end, or the client leaves or stops reading. ``hang_up`` makes the frames end."""
    leaving = asyncio.create_task(_until_gone(socket))
    leaving.add_done_callback(lambda _: hang_up())
    try:
        async with aclosing(frames):
            await _send(socket, frames)
    except WebSocketDisconnect:
        pass  # a client that leaves while it is sent something is no error
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


async def _send(socket: WebSocket, frames: Frames) -> None:
    async for frame in frames:
        match frame:
            case Frame():
                await socket.send_text(frame.raw)
            case End.LEFT:
                return
            case _:
                await _close(socket, *_CLOSE[frame])
                return


async def _until_gone(socket: WebSocket) -> None:
    # A socket that is only written to never shows that its client is gone.
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(code, reason)
