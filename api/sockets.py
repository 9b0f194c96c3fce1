"""uvicorn's WebSocket protocol, with what thousands of followers would cost taken out of it.

What a follower is sent is written once for all of them, a client that doesn't read holds no more than a small
buffer, and no timer looks at a connection that works: the kernel looks for peers that are gone.
"""

import asyncio
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from api.gateway import Gateway

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

_TEXT: Final = 0x81
"""First byte of a whole text message."""
_BYTE, _SHORT = 126, 1 << 16
"""Sizes from which on the length takes two bytes more, and eight."""
_RECENT = 128
"""Messages that are kept as bytes while they go out to everybody who follows."""
_LARGEST_SHARED = 32 * 1024

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
    """One connection. It is cut off when its client takes nothing for ``limits.ping_s`` seconds."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        gateway: Gateway = self.app_state["gateway"]
        self._patience_s = gateway.settings.limits.ping_s
        self._buffer_bytes = gateway.settings.sockets.buffer_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102  asyncio's
        super().connection_made(transport)
        # What waits here is a copy for this client alone; what waits in its queue belongs to all.
        self.transport.set_write_buffer_limits(high=self._buffer_bytes)
        _watch_peer(self.transport.get_extra_info("socket"), 2 * self._patience_s)

    async def send(self, message: "ASGISendEvent") -> None:  # noqa: D102  ASGI's
        if not self.writable.is_set():
            await self._until_writable()
        if message["type"] == "websocket.send" and self._plain:
            text = message.get("text")
            if text is not None:
                self._write(text)
                return
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._forget_handshake()
        elif self.close_timer is not None:
            # Closing waits for the buffer to empty, for ever where nobody reads.
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    @property
    def _plain(self) -> bool:
        """Whether text goes out as it is."""
        return self.handshake_complete and not self.close_sent and not self.conn.extensions

    def _write(self, text: str) -> None:
        if self.disconnected or self.conn.state is not OPEN:
            raise ClientDisconnected
        frame = text_frame if len(text) <= _LARGEST_SHARED else text_frame.__wrapped__
        self.transport.write(frame(text))

    async def _until_writable(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self.writable.wait()
        except TimeoutError:
            self.transport.abort()  # it doesn't even read what it is sent; nothing can be told to it
            raise ClientDisconnected from None

    def _forget_handshake(self) -> None:
        # Some KiB of headers that nobody reads any more.
        del self.request, self.response


def _watch_peer(connection: socket.socket, silent_s: float) -> None:
    """Let the kernel end the connection when its peer acknowledges nothing for ``silent_s`` seconds."""
    if KERNEL_WATCHES:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(silent_s / 2)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silent_s * 1_000))
