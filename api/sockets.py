"""uvicorn's WebSocket protocol, with what thousands of followers would cost taken out of it.

What a follower is sent is written once for all of them, a client that doesn't read holds no more than a small
buffer, and no timer looks at a connection that works: the kernel looks for peers that are gone.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import WebSocket
from starlette.types import Scope
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from api.gateway import Gateway

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

_TEXT: Final = 0x81
"""First byte of a whole text message."""
_BYTE, _SHORT = 126, 1 << 16
"""Sizes from which on the length takes two bytes more, and eight."""
_HAND_OVER = "framelane.hand-over"
_CAME_WITH = "framelane.came-with"
_NOBODY = 4401
"""The close code of a socket whose key is no good any more."""
_RECENT = 128
"""Messages that are kept as bytes while they go out to everybody who follows."""
_LARGEST_SHARED = 32 * 1024
_LISTENER_BYTES = 64 * 1024
"""Who only listens has nothing to say; a longer message closes the socket."""

KERNEL_WATCHES: Final = hasattr(socket, "TCP_USER_TIMEOUT")
"""Whether the kernel can be told to end connections whose peer is gone without a word."""


@lru_cache(maxsize=_RECENT)
def text_frame(text: str) -> bytes:
    """A whole unmasked, uncompressed text message (RFC 6455 §5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < _BYTE:
        return bytes((_TEXT, size)) + payload
    if size < _SHORT:
        return bytes((_TEXT, _BYTE)) + size.to_bytes(2) + payload
    return bytes((_TEXT, _BYTE + 1)) + size.to_bytes(8) + payload


class LeanSocket(WebSocketsSansIOProtocol):
    """One connection. It is cut off when its client takes nothing for ``limits.ping_s`` seconds.

    A route that has accepted it can hand it over (``hand_over``) to what only tells: then everything that belongs
    to the request, three quarters of what a connection takes in memory, goes before the telling begins.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        gateway: Gateway = self.app_state["gateway"]
        self._sockets, self._guests = gateway.meters.sockets, gateway.guests
        self._token: str | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._patience_s = gateway.settings.limits.ping_s
        self._buffer_bytes = gateway.settings.sockets.buffer_bytes
        self._application, self.app = self.app, self._run
        self._telling: Telling | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102  asyncio's
        super().connection_made(transport)
        # What waits here is a copy for this client alone; what waits in its queue belongs to all.
        self.transport.set_write_buffer_limits(high=self._buffer_bytes)
        _watch_peer(self.transport.get_extra_info("socket"), 2 * self._patience_s)

    def handle_connect(self, event: Request) -> None:  # noqa: D102  uvicorn's
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            extensions = cast("Any", self.scope)["extensions"]
            extensions[_HAND_OVER] = {_HAND_OVER: self._take_over, _CAME_WITH: self._come}

    async def send(self, message: "ASGISendEvent") -> None:  # noqa: D102  ASGI's
        if not self.writable.is_set():
            await self._until_writable()
        if self._leaving is not None and self.close_sent:
            raise ClientDisconnected  # sent away while it was told something
        await super().send(message)
        if self.close_timer is not None:
            # Closing waits for the buffer to empty, for ever where nobody reads.
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    async def say(self, text: str) -> None:
        """Send a message. Raises ClientDisconnected."""
        if not self.writable.is_set():
            await self._until_writable()
        if self.gone:
            raise ClientDisconnected
        if self.conn.extensions:
            await super().send({"type": "websocket.send", "text": text})
            return
        frame = text_frame if len(text) <= _LARGEST_SHARED else text_frame.__wrapped__
        self.transport.write(frame(text))

    async def end(self, code: int, reason: str) -> None:
        """Say good-bye; no-op if the client has left."""
        if not self.gone:
            await self.send({"type": "websocket.close", "code": code, "reason": reason})

    def when_gone(self, do: Callable[[], None]) -> None:
        """Call when the client has left; at once if it has."""
        if self.gone:
            do()
        else:
            self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", _Exit(do))

    @property
    def gone(self) -> bool:
        """Whether the client can't be told anything any more."""
        return self.disconnected or self.conn.state is not OPEN

    def send_receive_event_to_app(self) -> None:  # noqa: D102  uvicorn's
        if self._telling is None:
            super().send_receive_event_to_app()
        else:
            self.frames = []  # a listener has nothing to say

    def _take_over(self, telling: "Telling") -> None:
        self._telling = telling

    def _come(self, token: str) -> None:
        self._token = token
        self._guests.come(token, self._leave)

    def _leave(self) -> None:
        if self._leaving is None or self._leaving.done():
            self._leaving = self.loop.create_task(self._end_for_nobody())

    async def _end_for_nobody(self) -> None:
        with suppress(ClientDisconnected):
            await self.end(_NOBODY, "the key was revoked, or its time is over")

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        with self._sockets.track_inprogress():
            try:
                await self._serve(scope, receive, send)
            finally:
                if self._token is not None:
                    self._guests.go(self._token, self._leave)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        await self._application(scope, receive, send)
        del scope, receive, send
        if self._telling is not None:
            self._forget_request()
            await self._telling(self)

    def _forget_request(self) -> None:
        del self.scope, self.request, self.response
        self.when_gone(_nothing)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        if not self.conn.extensions and not self.conn.reader.buffer and not self.gone:
            # The parser of the old one holds the request for as long as it lives.
            self.conn = ServerProtocol(state=OPEN, max_size=_LISTENER_BYTES, logger=self.conn.logger)

    async def _until_writable(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self.writable.wait()
        except TimeoutError:
            self.transport.abort()  # it doesn't even read what it is sent; nothing can be told to it
            raise ClientDisconnected from None


Telling = Callable[[LeanSocket], Awaitable[None]]
"""Tells a client something until there is no more to tell."""


def hand_over(socket: WebSocket, telling: Telling) -> None:
    """Let ``telling`` go on with the accepted socket, one of ``api.server``, when the request is over."""
    extension: Any = socket.scope["extensions"][_HAND_OVER]
    extension[_HAND_OVER](telling)


def came_with(scope: Scope, token: str | None) -> None:
    """A socket of ``api.server`` came with this token: it is closed once that is no good any more."""
    extension: Any = scope["extensions"].get(_HAND_OVER)
    if token is not None and extension is not None:
        extension[_CAME_WITH](token)


class _Exit:
    """Stands where events for the application are put, and acts on the only one that matters."""

    __slots__ = ("_do",)

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do

    def put_nowait(self, event: "ASGIReceiveEvent") -> None:
        if event["type"] == "websocket.disconnect":
            self._do()


def _nothing() -> None:
    """Nobody waits for the client's leaving yet; who will asks first."""


def _watch_peer(connection: socket.socket, silent_s: float) -> None:
    """Let the kernel end the connection when its peer acknowledges nothing for ``silent_s`` seconds."""
    if KERNEL_WATCHES:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(silent_s / 2)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silent_s * 1_000))
