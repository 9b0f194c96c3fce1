"""Plain questions and plain new jobs, before anything else sees them.

What stands before the routes, one after the other, takes as long together as making a job does. Here
the same is asked at once. Whoever is refused, unknown or counted, or asks for anything out of the ordinary, goes
the long way, and is answered there.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from api.access import known_caller
from api.callers import ANYBODY, CALLER, Caller
from api.connection import WHOLE, Whole
from api.express import Plain, Way, way_of
from api.gateway import Gateway
from api.headers import NAMED
from api.meters import Meters
from api.middleware import DEFAULT_HEADERS, OriginGuard, request_id_of
from api.permissions import may
from api.problems import of_exception, unexpected
from api.recording import Recording
from shared import tracing
from shared.errors import FramelaneError
from shared.settings import Settings
from shared.telemetry import bind

_LARGEST: Final = 64 * 1024
"""Bytes of a body. With larger ones the way makes no difference."""
_OUT_OF_THE_ORDINARY = frozenset({b"origin", b"transfer-encoding", b"expect", b"upgrade"})
_STATUS: Mapping[int, bytes] = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus
}
_DEFAULTS = b"".join(b"%s: %s\r\n" % item for item in DEFAULT_HEADERS.items())

_log = structlog.stdlib.get_logger()


class Application(FastAPI):
    """The application, once ``shortcut`` is set."""

    shortcut: "Shortcut | None" = None

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.shortcut is not None and (way := self.shortcut.way_of(scope)) is not None:
            await self.shortcut.go(way, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class Shortcut:
    """What ``RequestContext``, ``Recording``, ``OriginGuard``, ``Access``, ``BodyLimit`` and ``Express`` do.

    ``recording`` and ``guard`` are asked as the long way asks them.
    """

    def __init__(
        self, app: FastAPI, settings: Settings, meters: Meters, recording: Recording, guard: OriginGuard
    ) -> None:
        self._app = app
        self._asks = settings.auth.mode != "off"
        self._largest = min(_LARGEST, settings.limits.body_bytes)
        self._meters = meters
        self._recording = recording
        self._guard = guard

    def way_of(self, scope: Scope) -> Way | None:
        """What answers the request, and its caller is known from then on; None: go the long way."""
        if scope["type"] != "http" or scope["method"] != "POST" or tracing.on():
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(headers) < len(scope["headers"]) or not _OUT_OF_THE_ORDINARY.isdisjoint(headers):
            return None
        scope[NAMED] = headers
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or len(length) > len(str(_LARGEST)) or int(length) > self._largest:
            return None
        way = way_of(scope)
        if way is None or self._guard.refusal(scope) is not None:
            return None
        caller = self._caller(headers)
        if caller is None or caller.limits.rate or not may(caller, way.operation):
            return None
        CALLER.set(caller)
        return way

    def _caller(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        if not self._asks:
            return ANYBODY
        said = headers.get(b"authorization")
        return None if said is None else known_caller(said.decode("latin-1"), self._gateway)

    @property
    def _gateway(self) -> Gateway:
        return self._app.state.gateway

    async def go(self, way: Way, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, whatever happens."""
        began = time.perf_counter()
        request_id = request_id_of(scope)
        scope["app"] = self._app
        scope.setdefault("state", {})["request_id"] = request_id
        way.mark(scope)
        bind(request_id=request_id)
        whole: Whole | None = scope.get("extensions", {}).get(WHOLE)
        request = Plain(scope, receive, whole.body() if whole else None)
        status = 0
        try:
            response = await self._response(way, request)
            status = response.status_code
            self._meters.answered(scope, status, time.perf_counter() - began)
            if whole is None or not _sent(whole, response, request_id):
                await _framed(response, request_id)(scope, receive, send)
        except ClientDisconnect:
            _log.info("client left before its request was complete", path=scope["path"])
        finally:
            self._recording.note(scope, status)

    async def _response(self, way: Way, request: Plain) -> Response:
        try:
            return await way.answer(request, self._gateway)
        except ClientDisconnect:
            raise
        except (FramelaneError, HTTPException) as error:
            return of_exception(request, error)
        except Exception:  # noqa: BLE001  the log has it, and the client is told where
            path = request.scope["path"]
            _log.exception("unexpected error", path=path)
            return unexpected(path, request.scope["state"]["request_id"])


def _framed(response: Response, request_id: str) -> Response:
    """With the headers that every answer has."""
    given = {name for name, _ in response.raw_headers}
    response.raw_headers += [item for item in DEFAULT_HEADERS.items() if item[0] not in given]
    response.raw_headers.append((b"x-request-id", request_id.encode("ascii")))
    return response


def _sent(whole: Whole, response: Response, request_id: str) -> bool:
    """Whether the answer is on its way, in one piece."""
    headers = response.raw_headers
    parts = [_STATUS[response.status_code]]
    for name, value in headers:
        if name in DEFAULT_HEADERS or name == b"connection":
            return False
        parts += (name, b": ", value, b"\r\n")
    parts += (_DEFAULTS, b"x-request-id: ", request_id.encode("ascii"), b"\r\n")
    head = b"".join(parts)
    # What a client said may be in a header; none may become two of them.
    lines = len(headers) + len(DEFAULT_HEADERS) + 2
    if head.count(b"\n") != lines or head.count(b"\r") != lines or response.status_code not in _STATUS:
        return False
    return whole.answer(head, bytes(response.body))
