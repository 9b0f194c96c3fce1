"""One connection to Redis with many commands on their way at once, answered in their order.

redis-py lends a connection to one command after the other, and takes a dozen coroutines for each: several times
the processor time that all else about a small command takes.
"""
# pyright: basic
# redis-py leaves most of its parameters untyped; nothing above this module touches it.

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
import redis
from redis.exceptions import InvalidResponse

LAG_S = 0.05
"""An event loop that comes back later than it wanted to was too busy to hear anything meanwhile."""

_NOTHING = object()


def give_up_at(asked_at: float, alive_at: float, limit_s: float, patience_s: float) -> float:
    """When whoever asked waits no longer: ``limit_s`` after the server was alive, ``patience_s`` after asking.

    ``alive_at``: when the server was last heard, or could last not be heard.
    """
    return min(max(asked_at, alive_at) + limit_s, asked_at + patience_s)


class Wire(asyncio.Protocol):
    """Takes over a connection of redis-py's that is open. Used from one event loop."""

    def __init__(self, connection: Any, limit_s: float, patience_s: float, silent: Callable[[], None]) -> None:
        """A server that answered nobody for ``limit_s`` is ``silent``; nobody waits longer than ``patience_s``."""
        self.heard = time.monotonic()
        self._limit_s = limit_s
        self._patience_s = max(limit_s, patience_s)
        self._silent = silent
        self._loop = asyncio.get_running_loop()
        self._asked: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._deaf_until = 0.0
        self._given_up = False
        self._lost = self._loop.create_future()
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=connection._parser.parse_error,  # noqa: SLF001  what makes redis-py's errors of replies
            notEnoughData=_NOTHING,
        )
        self._writer: Any = connection._writer  # noqa: SLF001  nothing public gives it; without it the transport closes
        self._transport: asyncio.Transport = self._writer.transport
        self._transport.set_protocol(self)
        connection._reader = connection._writer = None  # noqa: SLF001  it must not close it

    @property
    def usable(self) -> bool:
        """Whether commands can be sent."""
        return not (self._given_up or self._transport.is_closing())

    def ask(self, *command: bytes | memoryview) -> "asyncio.Future[Any]":
        """The reply to a command in parts, in time; one that is an error is raised. Raises redis-py's errors."""
        answer = self._loop.create_future()
        now = time.monotonic()
        self._asked.append((now, answer))
        self._transport.writelines(command)
        if self._alarm is None:
            self._wait(now + self._limit_s)
        return answer

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return self._lost.done()

    async def close(self) -> None:
        """Hang up, whether or not the server takes what it was sent."""
        self._transport.abort()
        await self._lost

    def data_received(self, data: bytes) -> None:
        """Some replies, or a part of one."""
        self.heard = time.monotonic()
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _NOTHING:
                self._tell(reply)
        except InvalidResponse as error:
            self._end(error)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody will be answered any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._end(redis.ConnectionError(f"the connection is lost: {exc or 'closed by the server'}"))
        if not self._lost.done():
            self._lost.set_result(None)

    def _tell(self, reply: Any) -> None:
        if not self._asked:
            raise InvalidResponse("a reply that nobody asked for")
        _, answer = self._asked.popleft()
        if answer.done():  # whoever asked has left
            return
        if isinstance(reply, Exception):
            answer.set_exception(reply)
        else:
            answer.set_result(reply)

    def _end(self, error: Exception) -> None:
        while self._asked:
            _, answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(type(error)(*error.args))

    def _wait(self, until: float) -> None:
        self._alarm = self._loop.call_later(max(until - time.monotonic(), 0.0), self._ring, until)

    def _ring(self, due: float) -> None:
        self._alarm = None
        now = time.monotonic()
        if now - due > LAG_S:
            self._deaf_until = now
        late = [answer for asked_at, answer in self._asked if self._until(asked_at) <= now]
        for answer in late:
            if not answer.done():
                answer.set_exception(redis.TimeoutError(f"nothing within {self._limit_s:g} s"))
        if late and now - self.heard >= self._limit_s:
            # What is asked from now on mustn't wait behind what nobody answers.
            self._given_up = True
            self._silent()
        if len(late) < len(self._asked):
            self._wait(self._until(self._asked[len(late)][0]))
        elif self._given_up:
            self._transport.close()

    def _until(self, asked_at: float) -> float:
        return give_up_at(asked_at, max(self.heard, self._deaf_until), self._limit_s, self._patience_s)
