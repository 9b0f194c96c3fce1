"""Connections to Redis with our errors, and the scripts sent over them."""
# pyright: basic
# redis-py leaves most of its parameters untyped; nothing above this module touches it.

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

import hiredis
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

from shared.adapters.redis_items import joined_items
from shared.adapters.redis_tls import tls_options
from shared.adapters.redis_wire import LAG_S, Wire, give_up_at
from shared.circuit import Circuit
from shared.errors import IllegalTransition, StoreUnavailable
from shared.settings import Settings

Argument = str | bytes | int | float

_POOL = 64
_LARGE = 64 * 1024
_AHEAD = 32
"""Large commands that are sent before the first of them is answered."""
_END_S = 1.0
"""For callers that were told to give up."""
_SYNC_SHARE = 0.8
"""What part of its time the server may wait for its disk: it can still say then that it waited in vain."""
_REFUSALS = ("MISCONF", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS", "NOAUTH", "WRONGPASS", "NOPERM")
"""First words of answers of a server that lives but can't or won't do what we ask."""


@contextmanager
def store_errors() -> Generator[None]:
    """Whatever keeps the server from answering us becomes StoreUnavailable."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, OutOfMemoryError, ReadOnlyError) as error:
        msg = f"the job store doesn't answer: {error}"
        raise StoreUnavailable(msg) from error
    except ResponseError as error:
        if str(error).startswith("ILLEGAL"):
            raise IllegalTransition(str(error)) from error
        if str(error).startswith(_REFUSALS):
            msg = f"the job store refuses: {error}"
            raise StoreUnavailable(msg) from error
        raise


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest the server knows it by."""

    text: str
    digest: str

    @classmethod
    def of(cls, text: str) -> "Script":
        """The digest is Redis's own choice of SHA-1: a name, no protection."""
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "socket_timeout": settings.redis.socket_timeout_s,
        "socket_connect_timeout": settings.redis.connect_timeout_s,
        "socket_keepalive": True,
        "protocol": 2,  # with 3 the pool hands out connections that the server closed
        "max_connections": _POOL,
        "timeout": settings.redis.socket_timeout_s,
        **tls_options(settings.store_url, settings),
    }


class BlockingRedis:
    """For threads. A command is sent once: whoever calls decides whether to try again."""

    def __init__(self, settings: Settings) -> None:
        once = redis.retry.Retry(NoBackoff(), 0)
        pool = redis.BlockingConnectionPool.from_url(settings.store_url, retry=once, **_options(settings))
        self._client = redis.Redis.from_pool(pool)

    def command(self, *words: Argument) -> Any:
        """The raw reply."""
        with store_errors():
            return self._client.execute_command(*words)

    def run(self, script: Script, *arguments: Argument) -> Any:
        """The script's reply; one round trip once the server has it (it may forget it at any time)."""
        with store_errors():
            try:
                return self._client.execute_command("EVALSHA", script.digest, 0, *arguments)
            except NoScriptError:
                return self._client.execute_command("EVAL", script.text, 0, *arguments)

    def several(self, commands: Iterable[Sequence[Argument]], *, at_once: bool = False) -> list[Any]:
        """The raw replies, in one round trip. ``at_once``: nobody else's command comes between them.

        Raises for the first that fails; the others are done nevertheless.
        """
        together = self._client.pipeline(transaction=at_once)
        for words in commands:
            together.execute_command(*words)
        with store_errors():
            replies = together.execute(raise_on_error=False)
            if failed := next((each for each in replies if isinstance(each, Exception)), None):
                raise failed
            return replies

    def joined(self, key: str, counts: Sequence[int], usual: int) -> list[bytearray]:
        """What the first items of a list are put together, so many each; ``usual``: bytes of most of them."""
        pool = self._client.connection_pool
        with store_errors():
            connection = pool.get_connection()
            try:
                return joined_items(connection, key, counts, usual)
            except BaseException:
                connection.disconnect()
                raise
            finally:
                pool.release(connection)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def _parts(words: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """A command as it is sent."""
    yield b"*%d\r\n" % len(words)
    for word in words:
        yield b"$%d\r\n" % len(word)
        yield word
        yield b"\r\n"


def _is_large(words: Sequence[Argument]) -> bool:
    return isinstance(words[-1], bytes) and len(words[-1]) > _LARGE


class _Connection(redis.asyncio.Connection):
    """Writes commands with hiredis, as redis-py does by itself where it isn't asyncio: a tenth of the time.

    Not the large ones: hiredis copies them slowly, redis-py not at all.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        # Words in one string, as redis-py may send them itself, must be taken apart first.
        apart = _is_large(args) or " " in args[0]
        return super().pack_command(*args) if apart else [hiredis.pack_command(args)]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        # redis-py makes a task of each writing, to give it a limit. What is small is never waited for.
        small = isinstance(command, list) and sum(map(len, command)) <= _LARGE
        if small and self.is_connected and self._writer is not None:
            self._writer.writelines(command)
        else:
            await super().send_packed_command(command, check_health)


class AsyncRedis:
    """The same for asyncio. Bound to the event loop of its first command. Scripts share one connection.

    A server that answered nobody for ``answer_s`` is silent: its callers, also those that wait for a connection,
    wait no longer. In a crowd that it serves one waits ``socket_timeout_s`` at most. With a ``circuit``, commands
    fail at once for as long as the server is known to be silent.
    """

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        once = redis.asyncio.retry.Retry(NoBackoff(), 0)
        # A URL with TLS, or of a socket, has a class of its own.
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            settings.store_url, retry=once, connection_class=_Connection, **_options(settings)
        )
        self._client = redis.asyncio.Redis.from_pool(pool)
        self._answer_s = min(settings.redis.answer_s, settings.redis.socket_timeout_s)
        self._sync_s = self._patience_s = settings.redis.socket_timeout_s
        self._circuit = circuit
        self._heard = time.monotonic()
        self._left: set[asyncio.Future[Any]] = set()
        self._wires: list[Wire] = []
        """The last is the one that is asked; one that was given up may still have somebody who waits."""
        self._opening: asyncio.Task[Wire] | None = None

    async def command(self, *words: Argument) -> Any:
        """The raw reply."""
        if self._circuit is not None:
            self._circuit.check()
        with store_errors():
            return await self._ask(*words)

    async def ask(self, *words: bytes | memoryview) -> "asyncio.Future[Any]":
        """Sends a command that may be large: it isn't copied. The raw reply comes later, or redis-py's error."""
        if self._circuit is not None:
            self._circuit.check()
        with store_errors():
            wire = await self._connected()
            return wire.ask(*_parts(words))

    async def run(self, script: Script, *arguments: Argument) -> Any:
        """The script's reply; one round trip once the server has it (it may forget it at any time)."""
        if self._circuit is not None:
            self._circuit.check()
        with store_errors():
            try:
                return await self._tell("EVALSHA", script.digest, 0, *arguments)
            except NoScriptError:
                return await self._tell("EVAL", script.text, 0, *arguments)

    async def run_synced(self, script: Script, *arguments: Argument) -> Any:
        """The same, once everything the server did up to then is on its disk; waits ``socket_timeout_s`` at most.

        Raises StoreUnavailable when that isn't sure: the script ran nevertheless, and what it did may stay.
        """
        if self._circuit is not None:
            self._circuit.check()
        with store_errors():
            reply, synced = await self._synced("EVALSHA", script.digest, 0, *arguments)
            if isinstance(reply, NoScriptError):
                reply, synced = await self._synced("EVAL", script.text, 0, *arguments)
            if isinstance(reply, Exception):
                raise reply
        if isinstance(synced, Exception) or synced[0] < 1:
            msg = f"the job store wrote it, but doesn't say that it is on disk: {synced}"
            raise StoreUnavailable(msg)
        return reply

    async def close(self) -> None:
        """Let go of connections."""
        if self._left:  # one that is just being made would be overlooked
            await asyncio.wait(self._left, timeout=_END_S)
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        for wire in self._wires:
            await wire.close()
        await self._client.aclose()

    async def _synced(self, *words: Argument) -> Any:
        # WAITAOF is about what its own connection wrote; a pipeline has one.
        both = self._client.pipeline(transaction=False)
        both.execute_command(*words)
        both.execute_command("WAITAOF", 1, 0, round(self._sync_s * 1_000 * _SYNC_SHARE))
        return await self._answer(both.execute(raise_on_error=False), self._sync_s)

    async def _tell(self, *words: Argument) -> Any:
        """The raw reply. What is small shares a connection, with a limit of its own."""
        if _is_large(words):
            return await self._ask(*words)
        wire = await self._connected()
        return await wire.ask(hiredis.pack_command(words))  # pyright: ignore[reportArgumentType]  any number

    async def _connected(self) -> Wire:
        if self._wires and self._wires[-1].usable:
            return self._wires[-1]
        return await self._answer(self._opened(), self._answer_s)

    async def _opened(self) -> Wire:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_forget)
        return await asyncio.shield(self._opening)

    async def _open(self) -> Wire:
        try:
            connection = self._client.connection_pool.make_connection()
            await connection.connect()
            wire = Wire(connection, self._answer_s, self._patience_s, self._fell_silent)
            self._wires = [*(each for each in self._wires if not each.lost), wire]
        finally:
            self._opening = None
        return wire

    def _fell_silent(self) -> None:
        if self._circuit is not None:
            self._circuit.open(self._look)

    async def _ask(self, *words: Argument) -> Any:
        return await self._answer(self._client.execute_command(*words), self._answer_s)

    async def _answer(self, call: Awaitable[Any], limit_s: float) -> Any:
        # A task of its own: seen with 300 callers, redis-py can lose a cancellation while it waits for its pool,
        # and then goes on for a whole socket timeout.
        asking = asyncio.ensure_future(call)
        try:
            await self._until_done_or_silent(asking, limit_s)
            if asking.done():
                return self._told(asking)
            silence = redis.TimeoutError(f"nothing within {limit_s:g} s")
        except redis.TimeoutError as error:
            silence = error
        finally:
            if not asking.done():
                self._leave(asking)
        if time.monotonic() - self._last_heard() >= limit_s:
            self._fell_silent()
        raise silence

    def _last_heard(self) -> float:
        return max(self._heard, self._wires[-1].heard) if self._wires else self._heard

    def _leave(self, asking: "asyncio.Future[Any]") -> None:
        self._left.add(asking)
        asking.add_done_callback(self._left.discard)
        asking.add_done_callback(_forget)
        asking.cancel()

    def _told(self, asked: "asyncio.Future[Any]") -> Any:
        if asked.exception() is None or isinstance(asked.exception(), ResponseError):
            self._heard = time.monotonic()
        return asked.result()

    async def _until_done_or_silent(self, asking: "asyncio.Future[Any]", limit_s: float) -> None:
        asked_at, deaf_until = time.monotonic(), 0.0
        while not asking.done():
            alive_at = max(self._last_heard(), deaf_until)
            until = give_up_at(asked_at, alive_at, limit_s, max(limit_s, self._patience_s))
            if (now := time.monotonic()) >= until:
                return
            await asyncio.wait({asking}, timeout=until - now)
            if time.monotonic() - until > LAG_S:
                deaf_until = time.monotonic()

    async def _look(self) -> None:
        with store_errors():
            await self._ask("PING")


class Sending:
    """Commands that are done one after the other; some are on their way at a time."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis
        self._asked: deque[tuple[asyncio.Future[Any], int]] = deque()

    async def send(self, words: Sequence[bytes | memoryview], answer: int) -> None:
        """The next. Raises StoreUnavailable if one before failed, or was answered with another number."""
        if len(self._asked) >= _AHEAD:
            await self._answered()
        self._asked.append((await self._redis.ask(*words), answer))

    async def finish(self) -> None:
        """Return when all are done. Raises as ``send`` does."""
        while self._asked:
            await self._answered()

    def drop(self) -> None:
        """No answer matters any more."""
        while self._asked:
            self._asked.popleft()[0].cancel()

    async def _answered(self) -> None:
        asked, answer = self._asked.popleft()
        with store_errors():
            if await asked != answer:
                msg = "what was brought to the job store before is gone; send it again"
                raise StoreUnavailable(msg)


def _forget(asked: "asyncio.Future[Any]") -> None:
    if not asked.cancelled():
        asked.exception()  # else asyncio complains that nobody looked at it
