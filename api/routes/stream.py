"""WebSockets: one job, or a filtered feed of all. Both begin with how things are."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket

from api.callers import caller
from api.dependencies import Here, canonical
from api.gateway import Gateway
from api.routes.events import AfterSeq
from api.routes.jobs import LabelFilter, labels_of
from api.services.feed import Feed, wanted
from api.services.follow import End, Frame
from api.sockets import LeanSocket, hand_over
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
    hand_over(socket, partial(_tell_job, here, job_id, after_seq))


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
    query = JobQuery(kind, None, device, labels_of(label or []), here.settings.limits.page, tenant=caller().sees)
    hand_over(socket, partial(_tell_all, here, query))


async def _tell_job(here: Gateway, job_id: str, after_seq: int | None, socket: LeanSocket) -> None:
    try:
        async with here.followers.watch(canonical(job_id), after_seq) as watch:
            await converse(socket, watch.frames(), watch.hang_up)
    except JobNotFound as error:
        await socket.end(NO_SUCH_JOB, error.title())
    except StoreUnavailable as error:
        await socket.end(TRY_AGAIN_LATER, error.title())


async def _tell_all(here: Gateway, query: JobQuery, socket: LeanSocket) -> None:
    try:
        with here.hub.follow_all(wanted(query)) as follower:
            feed = Feed(here.parts.store, follower, query, here.settings.limits.ping_s)
            await converse(socket, feed.frames(), follower.hang_up)
    except StoreUnavailable as error:
        await socket.end(TRY_AGAIN_LATER, error.title())


async def converse(socket: LeanSocket, frames: Frames, hang_up: Callable[[], None]) -> None:
    """Send frames until they end. ``hang_up`` makes them end; called when the client leaves."""
    socket.when_gone(hang_up)
    async with aclosing(frames):
        async for frame in frames:
            match frame:
                case Frame():
                    await socket.say(frame.raw)
                case End.LEFT:
                    return
                case _:
                    await socket.end(*_CLOSE[frame])
                    return
