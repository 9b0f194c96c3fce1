"""What happens to every request before a route sees it, as plain ASGI so that streams stay streams."""

import asyncio
import re
import time
from collections.abc import Collection, MutableMapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import lru_cache
from ipaddress import ip_address
from os import urandom
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.headers import header
from api.meters import Meters, template
from api.problems import Refused, problem, unexpected
from shared import tracing
from shared.telemetry import bound

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_NOTHING = re.compile(r"(?!)")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DRAIN_S = 2.0
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
DEFAULT_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}

_ASKED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "Last-Event-ID",
    "Prefer",
    "Tus-Resumable",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-Request-ID",
    "traceparent",
)
_TOLD = ("ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Upload-Offset", "X-Request-ID")

_log = structlog.stdlib.get_logger()


class RequestContext:
    """Gives each request an id (the caller's, if it is a plain word), default headers, and an answer to any fault.

    The id is ``request.state.request_id``, bound to every log line, and comes back as ``X-Request-ID``.
    """

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self.app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id, scope, self._meters)
        with bound(request_id=request_id):
            try:
                with _traced(scope, request_id):
                    await self.app(scope, receive, answer)
            except ClientDisconnect:
                _log.info("client left before its request was complete", path=scope["path"])
            except Exception:
                if scope["type"] != "http" or answer.started:
                    raise
                _log.exception("unexpected error", path=scope["path"])
                await unexpected(scope["path"], request_id)(scope, receive, answer)


def _traced(scope: Scope, request_id: str) -> AbstractContextManager[None]:
    if scope["type"] != "http" or not tracing.on():
        return nullcontext()
    about = {"http.request.method": scope["method"], "url.path": scope["path"], "framelane.request_id": request_id}
    return tracing.span(scope["method"], "server", header(scope, b"traceparent"), about)


class _Answer:
    def __init__(self, send: Send, request_id: str, scope: Scope, meters: Meters) -> None:
        self._send = send
        self._request_id = request_id.encode("ascii")
        self._scope = scope
        self._meters = meters
        self._began = time.perf_counter()
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            self.started = True
            headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
            given = {name.lower() for name, _ in headers}
            headers += [item for item in DEFAULT_HEADERS.items() if item[0] not in given]
            headers.append((b"x-request-id", self._request_id))
            message = {**message, "headers": headers}
            if self._scope["type"] == "http":
                self._meters.answered(self._scope, message["status"], time.perf_counter() - self._began)
                if tracing.on():
                    self._note(message["status"])
        await self._send(message)

    def _note(self, status: int) -> None:
        route = template(self._scope)
        about = {"http.route": route, "http.response.status_code": status}
        tracing.note(about, f"{self._scope['method']} {route}")


def request_id_of(scope: Scope) -> str:
    """The caller's own, if it is a plain word, else a new one."""
    given = header(scope, b"x-request-id") or ""
    return given if _REQUEST_ID.match(given) else urandom(16).hex()


class OriginGuard:
    """Keeps web pages of strangers out.

    Without authentication (``loopback_only``) a request must come from this machine and name it as its host: a
    name of someone else's that was pointed at us is refused. A browser's ``Origin``, where it can do harm
    (WebSockets, methods that change something), must be one of ``origins``, letter by letter, the very host that
    was asked or, without authentication, a loopback one.
    """

    def __init__(self, app: ASGIApp, *, loopback_only: bool, origins: Collection[str] = ()) -> None:
        self.app = app
        self.loopback_only = loopback_only
        self.origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        refused = None if scope["type"] == "lifespan" else self.refusal(scope)
        if refused is None:
            await self.app(scope, receive, send)
        else:
            await _refuse(refused, scope, receive, send)

    def refusal(self, scope: Scope) -> Refused | None:
        """Why the request isn't taken; None if it is."""
        host = _authority(f"//{header(scope, b'host') or ''}", scope["scheme"])
        if self.loopback_only:
            client = scope.get("client")
            if client is not None and not is_loopback(client[0]):
                return Refused(403, "forbidden-client", "without authentication only this machine is served")
            if not is_loopback(host[0]):
                return Refused(
                    403, "forbidden-host", "without authentication only localhost, 127.0.0.1 and [::1] are served"
                )
        origin = header(scope, b"origin")
        harmless = scope["type"] == "http" and scope["method"] in _SAFE_METHODS
        if origin is None or harmless or origin in self.origins or self._is_here(origin, host):
            return None
        return Refused(403, "forbidden-origin", "pages of that origin may not call this gateway")

    def _is_here(self, origin: str, host: tuple[str, int | None]) -> bool:
        scheme = origin.partition(":")[0]
        if scheme not in {"http", "https"}:
            return False
        authority = _authority(origin, scheme)
        return (self.loopback_only and is_loopback(authority[0])) or (authority[0] != "" and authority == host)


def cors(origins: Collection[str]) -> dict[str, Any]:
    """Options of the middleware that tells browsers what pages of these may do."""
    return {
        "allow_origins": list(origins),
        "allow_methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": list(_ASKED),
        "expose_headers": list(_TOLD),
        "max_age": 600,
    }


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether ``host`` is ``localhost`` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def _authority(url: str, scheme: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(scheme)
    except ValueError:
        return "", None


class BodyLimit:
    """Refuses bodies over ``limit`` bytes with 413: by their announced length, or as soon as they get longer.

    What isn't JSON may have ``stream_limit`` bytes on paths that ``streaming`` matches: those routes take it as it
    comes, and hold little of it.
    """

    def __init__(
        self, app: ASGIApp, *, limit: int, streaming: re.Pattern[str] = _NOTHING, stream_limit: int = 0
    ) -> None:
        self.app = app
        self.limit = limit
        self.streaming = streaming
        self.stream_limit = stream_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope)
        length = header(scope, b"content-length") or ""
        if length.isdecimal() and int(length) > limit:
            if header(scope, b"expect") is None:
                await self._drain(receive)
            await _refuse(_too_large(limit), scope, receive, send)
            return
        await self.app(scope, self._counted(receive, limit), send)

    def _limit(self, scope: Scope) -> int:
        if not self.streaming.match(scope["path"].removeprefix(scope.get("root_path", ""))):
            return self.limit
        kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
        return self.limit if kind in {"", "application/json"} else self.stream_limit

    def _counted(self, receive: Receive, limit: int) -> Receive:
        seen = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                if message.get("more_body"):
                    await self._drain(receive)
                raise _too_large(limit)
            return message

        return counted

    async def _drain(self, receive: Receive) -> None:
        """Read on a little: who sends everything before reading would see a broken connection, not our answer."""
        left = 2 * self.limit
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body"):
                        return


def _too_large(limit: int) -> Refused:
    # The rest of the body isn't read, so this connection can't carry another request.
    return Refused(413, "body-too-large", f"the body is over the limit of {limit} bytes", {"Connection": "close"})


async def _refuse(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    response: Response = problem(
        refused.status_code,
        refused.code,
        "The request is refused",
        str(refused.detail),
        scope["path"],
        headers=refused.headers,
    )
    await response(scope, receive, send)
