"""One connection that only listens."""
# pyright: basic
# redis-py leaves most of its parameters untyped; nothing above this module touches it.

from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff

from shared.adapters.redis_connection import store_errors
from shared.adapters.redis_tls import tls_options
from shared.settings import Settings

_QUIET_S = 10.0
"""After this long without a message the server is asked whether it is still there."""


_MESSAGES = (b"message", b"pmessage")


class Subscription:
    """Channels of one pattern, or one channel. It never reconnects by itself: whoever listens must learn of a gap.

    Not PubSub of redis-py, which subscribes anew behind the reader's back.
    """

    def __init__(self, settings: Settings, pattern: str) -> None:
        pool = redis.asyncio.ConnectionPool.from_url(
            settings.store_url,
            protocol=2,  # messages are plain replies, in order with the others
            retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
            socket_timeout=settings.redis.socket_timeout_s,
            socket_connect_timeout=settings.redis.connect_timeout_s,
            socket_keepalive=True,
            **tls_options(settings.store_url, settings),
        )
        self._connection = pool.make_connection()
        self._pattern = pattern
        self._answer_s = settings.redis.socket_timeout_s

    async def open(self) -> None:
        """Everything published after this returns is heard. Raises StoreUnavailable."""
        with store_errors():
            await self._connection.connect()
            # Rights to a pattern are rights to just this one, those to a channel may come from a wider pattern.
            await self._connection.send_command(
                "PSUBSCRIBE" if "*" in self._pattern else "SUBSCRIBE", self._pattern
            )
            await self._connection.read_response()

    async def next(self) -> tuple[bytes, bytes]:
        """Channel and message. Raises StoreUnavailable when the connection broke or the server fell silent."""
        with store_errors():
            while True:
                reply = self._heard() or await self._connection.read_response(timeout=_QUIET_S)
                if reply is None:
                    await self._connection.send_command("PING")
                    reply = await self._connection.read_response(timeout=self._answer_s)
                    if reply is None:
                        msg = "no answer to a ping"
                        raise redis.TimeoutError(msg)
                if reply[0] in _MESSAGES:
                    return reply[-2], reply[-1]

    def _heard(self) -> list[Any] | None:
        """A message that came together with others before it, without the ways to the socket and back."""
        replies = getattr(self._connection._parser, "_reader", None)  # noqa: SLF001  nothing public says what is there
        reply = replies.gets() if replies is not None else None
        return reply if isinstance(reply, list) else None

    async def close(self) -> None:
        """Hang up."""
        await self._connection.disconnect()
