"""Sessions, from the gateway. One round trip per call."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from shared.adapters.redis_connection import Argument, AsyncRedis, Script
from shared.adapters.redis_lines import Line, listening
from shared.adapters.redis_sessions.scripts import load_scripts, template
from shared.circuit import Circuit
from shared.ports import Envelope
from shared.ports.sessions import (
    HeldSession,
    Looked,
    NewFrame,
    NewSession,
    Offered,
    RecordPart,
    SessionNews,
)
from shared.session_errors import SessionNotFound, SessionTaken
from shared.settings import Settings

_GONE, _TAKEN = -1, -2


class RedisSessionStore:
    """SessionStore on Redis 7.0 or Valkey 7.2, or newer. Used from one event loop."""

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        self._settings = settings
        self._prefix = settings.redis.prefix
        self._redis = AsyncRedis(settings, circuit)
        self._scripts = load_scripts(settings.sessions)

    async def open(self, new: NewSession) -> None:
        """See the port."""
        queue, message = template(new.message)
        said = (new.token_hash, new.spec, new.lane, new.holder, queue, message, new.window, int(new.record))
        await self._run(self._scripts.open, new.id, *said)

    async def resume(self, session_id: str, token_hash: str, holder: str) -> HeldSession:
        """See the port."""
        reply = await self._run(self._scripts.resume, session_id, token_hash, holder)
        if reply is None:
            raise SessionNotFound
        spec, lane, turn, seq, age_us, window, record, metas = reply
        return HeldSession(
            spec=spec.decode(),
            lane=lane.decode(),
            turn=turn,
            seq=seq,
            age_s=int(age_us) / 1_000_000,
            window=window,
            record=record == b"1",
            open=[each.decode() for each in metas],
        )

    async def offer(self, session_id: str, turn: int, frame: NewFrame) -> Offered:
        """See the port."""
        said = (turn, frame.kind, frame.meta, round(frame.held_s * 1_000_000), frame.content)
        number, wake, dropped = await self._held(self._scripts.offer, session_id, *said)
        return Offered(number, [each.decode() for each in dropped], bool(wake))

    async def reset(self, session_id: str, turn: int) -> int:
        """See the port."""
        return (await self._held(self._scripts.reset, session_id, turn))[0]

    async def look(self, session_id: str, turn: int) -> Looked:
        """See the port."""
        wake, losses, waiting = await self._held(self._scripts.look, session_id, turn)
        return Looked(bool(wake), losses, waiting)

    async def move(self, session_id: str, turn: int, lane: str, message: Envelope | None) -> None:
        """See the port."""
        await self._held(self._scripts.move, session_id, turn, lane, *template(message))

    async def answers(self, session_id: str, after: int) -> list[str]:
        """See the port."""
        key = f"{self._prefix}:session:{session_id}"
        seq: bytes | None = await self._redis.command("HGET", key, "seq")
        missed = int(seq or 0) - after
        if missed <= 0:
            return []
        # More may have come meanwhile: too many are told, and the reader knows their numbers.
        found: list[bytes] = await self._redis.command("LRANGE", f"{key}:answers", -missed, -1)
        return [each.decode() for each in found]

    async def end(self, session_id: str, turn: int) -> None:
        """See the port."""
        await self._held(self._scripts.end, session_id, turn)

    @asynccontextmanager
    async def listen(self, holder: str) -> AsyncGenerator[AsyncIterator[SessionNews | None]]:
        """See the port."""
        channel = f"{self._prefix}:sessions:{holder}"
        async with listening(self._settings, channel) as line, aclosing(_news(line)) as news:
            yield news

    async def recorded(self) -> list[str]:
        """See the port."""
        found: list[bytes] = await self._redis.command("SMEMBERS", f"{self._prefix}:sessions:recorded")
        return [each.decode() for each in found]

    async def record_part(self, session_id: str, most: int) -> RecordPart:
        """See the port."""
        first, ended, lines = await self._run(self._scripts.record_part, session_id, most)
        return RecordPart(first, [each.decode() for each in lines], bool(ended) and len(lines) < most)

    async def filed(self, session_id: str, part: RecordPart) -> None:
        """See the port."""
        await self._run(self._scripts.filed, session_id, part.first, len(part.lines))

    async def close(self) -> None:
        """Let go of connections."""
        await self._redis.close()

    async def _run(self, script: Script, session_id: str, *said: Argument) -> Any:
        return await self._redis.run(script, self._prefix, session_id, *said)

    async def _held(self, script: Script, session_id: str, *said: Argument) -> Any:
        reply = await self._run(script, session_id, *said)
        if reply == [_GONE]:
            raise SessionNotFound
        if reply == [_TAKEN]:
            raise SessionTaken
        return reply


async def _news(line: Line) -> AsyncGenerator[SessionNews | None]:
    while True:
        told = await line.next()
        if told is None:
            yield None
            continue
        session_id, turn, answer = told[1].decode().split(" ", 2)
        yield SessionNews(session_id, int(turn), answer or None)
