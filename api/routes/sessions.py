"""Live sessions: frames in, answers out, over one WebSocket. And the files that recorded ones leave."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Request, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from api.callers import own_session
from api.dependencies import Here
from api.gateway import Gateway
from api.problems import status_of
from api.reference import REDIRECT, problems
from api.routes.models import entry_of
from api.services.live import GatewayStops, Live
from api.views import PREFIX, ArtifactList, ArtifactView, base_url
from shared.common import Name
from shared.devices import AUTO, DeviceRequest
from shared.errors import FramelaneError, InvalidSpec, StoreUnavailable
from shared.jobs import ErrorInfo
from shared.ports.sessions import NewFrame
from shared.session_errors import FrameRefused, SessionError, SessionNotFound
from shared.sessions import (
    FROM_CLIENT,
    Close,
    Reset,
    Resume,
    SessionBegun,
    SessionEnded,
    SessionSpec,
    WindowReset,
)
from shared.specs import Runtime

router = APIRouter(tags=["sessions"])

_NORMAL, _GOING_AWAY, _OURS = 1000, 1001, 4000
_LONGEST_REASON = 120
"""Bytes of a close frame's reason."""

_log = structlog.stdlib.get_logger()


@router.websocket("/ws/sessions")
async def live_session(
    socket: WebSocket,
    here: Here,
    model: Annotated[Name | None, Query(description="without it, the first message says what to resume")] = None,
    device: DeviceRequest = AUTO,
    priority: Annotated[int, Query(ge=0, le=9)] = 7,
    top_k: Annotated[int | None, Query(ge=1, le=50)] = None,
    min_confidence: Annotated[float | None, Query(ge=0, le=1)] = None,
    mirror: bool = False,
    runtime: Runtime = "auto",
    record: bool = False,
) -> None:
    """Begin a session, or resume one, and converse until it ends, the client leaves, or the gateway stops."""
    spec = None
    if model is not None:
        spec = SessionSpec(
            model=model,
            device=device,
            priority=priority,
            top_k=top_k,
            min_confidence=min_confidence,
            mirror=mirror,
            runtime=runtime,
            record=record,
        )
    await socket.accept()
    try:
        live, begun = await (_begin(here, spec) if spec else _resume(socket, here))
    except FramelaneError as error:
        await _say_why(socket, error)
    except WebSocketDisconnect:
        return
    else:
        await _Conversation(socket, here, live).run(begun)


async def _begin(here: Gateway, spec: SessionSpec) -> tuple[Live, SessionBegun]:
    return await here.sessions.begin(spec, await entry_of(here, spec.model))


async def _resume(socket: WebSocket, here: Gateway) -> tuple[Live, SessionBegun]:
    wait_s = here.settings.sessions.first_message_s
    says = "name a `model` in the query, or send {type: resume, session, token, after} as the first message"
    try:
        async with asyncio.timeout(wait_s):
            message = await socket.receive_text()
        said = FROM_CLIENT.validate_json(message)
    except (TimeoutError, KeyError, ValidationError):
        said = None
    if not isinstance(said, Resume):
        raise InvalidSpec(("/model", says))
    return await here.sessions.resume(said)


class _Conversation:
    """One socket with its session."""

    def __init__(self, socket: WebSocket, here: Gateway, live: Live) -> None:
        self._socket = socket
        self._sessions = here.sessions
        self._live = live

    async def run(self, begun: SessionBegun) -> None:
        live = self._live
        listening = asyncio.create_task(self._listen())
        listening.add_done_callback(lambda _: live.end(None))
        try:
            await self._socket.send_text(begun.model_dump_json())
            if begun.resumed:
                await self._sessions.catch_up(live)
            while (message := await live.next()) is not None:
                await self._socket.send_text(message)
            await self._end()
        except WebSocketDisconnect:
            pass  # a client that leaves while it is told something is no error
        except StoreUnavailable as error:
            await _say_why(self._socket, error)
        finally:
            self._sessions.leave(live)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _end(self) -> None:
        if self._live.why is not None:
            await _say_why(self._socket, self._live.why)
        else:
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._socket.close(_NORMAL, "the session has ended")

    async def _listen(self) -> None:
        while not self._live.ended:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            content = message.get("text")
            try:
                if await self._heed(message["bytes"] if content is None else content):
                    return
            except SessionError as error:
                self._live.end(error)
            except Exception as error:  # noqa: BLE001  told to the client instead of to nobody
                _log.exception("unexpected error in a session")
                self._live.end(error if isinstance(error, FramelaneError) else FramelaneError())

    async def _heed(self, content: str | bytes) -> bool:
        """Do what the message says; whether it ended the session."""
        came_at = time.monotonic()
        try:
            said = self._live.reader.read(content)
        except FrameRefused as error:
            self._refuse(error, error.meta)
            return False
        match said:
            case Close():
                await self._sessions.finish(self._live)
                return True
            case Reset():
                after = await self._sessions.reset(self._live)
                self._live.tell(WindowReset(after=after).model_dump_json())
            case NewFrame():
                await self._offer(said, came_at)
        return False

    async def _offer(self, frame: NewFrame, came_at: float) -> None:
        live = self._live
        try:
            live.pace.take()
            await self._sessions.offer(live, replace(frame, held_s=time.monotonic() - came_at))
        except SessionError:
            raise
        except FramelaneError as error:
            self._refuse(error, frame.meta)
            if live.pace.hopeless:
                live.end(error)

    def _refuse(self, error: FramelaneError, meta: str) -> None:
        self._live.tell(f'{{"type":"refused",{meta},"error":{_told(error).model_dump_json()}}}')


async def _say_why(socket: WebSocket, error: FramelaneError) -> None:
    """The last message, and a close code: 4000 and the HTTP status that the error has elsewhere."""
    status = status_of(error.code)
    code = _GOING_AWAY if isinstance(error, GatewayStops) else _OURS + status
    broken = list(error.broken) if isinstance(error, InvalidSpec) else []
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_text(SessionEnded(error=_told(error), status=status, errors=broken).model_dump_json())
        await socket.close(code, error.title()[:_LONGEST_REASON])


def _told(error: FramelaneError) -> ErrorInfo:
    told = ErrorInfo.of(error)
    # The rest names addresses.
    return told.model_copy(update={"detail": told.title}) if isinstance(error, StoreUnavailable) else told


@router.get("/sessions/{session_id}/artifacts", responses=problems(404, 503))
async def list_session_artifacts(request: Request, here: Here, session_id: str) -> ArtifactList:
    """List the files of a recorded session: its answers as lines of JSON, as far as they are written by now."""
    base = f"{base_url(request)}{PREFIX}/sessions/{session_id}"
    found = await here.session_records.files(_canonical(session_id))
    return ArtifactList(artifacts=[ArtifactView.of(each, base) for each in found])


@router.get(
    "/sessions/{session_id}/artifacts/{name}",
    status_code=307,
    response_class=RedirectResponse,
    responses=REDIRECT | problems(404, 503),
)
async def get_session_artifact(request: Request, here: Here, session_id: str, name: str) -> Response:
    """Redirect to a link that gives anyone this one file, for a short time."""
    link = await here.session_records.link(_canonical(session_id), name)
    return RedirectResponse(f"{base_url(request)}{link}" if link.startswith("/") else link)


def _canonical(session_id: str) -> str:
    try:
        return own_session(str(UUID(session_id)))
    except ValueError:
        raise SessionNotFound(f"there is no session {session_id[:100]!r}") from None
