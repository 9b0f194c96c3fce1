"""Live sessions in one process."""

import asyncio
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.frame_line import FrameLine, Waiting
from shared.jobs import ErrorInfo
from shared.ports import Envelope
from shared.ports.sessions import (
    Finished,
    HeldSession,
    Looked,
    NewFrame,
    NewSession,
    Offered,
    RecordPart,
    SessionNews,
    TakenFrame,
)
from shared.session_errors import NOT_FINISHED, NOT_TAKEN, SessionNotFound, SessionTaken
from shared.settings import SessionSettings

_AGAIN_S = 2.0


@dataclass(slots=True)
class _Kept:
    new: NewSession
    line: FrameLine[NewFrame]
    born: float
    until: float
    holder: str
    lane: str
    turn: int = 1
    seq: int = 0
    asked: float | None = None
    asks: int = 0
    answers: list[str] = field(default_factory=list[str])


class MemorySessions:
    """What both faces share. ``clock``: seconds since the epoch."""

    def __init__(self, settings: SessionSettings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or SessionSettings()
        self.clock = clock
        self.lock = threading.RLock()
        self.kept: dict[str, _Kept] = {}
        self.records: dict[str, deque[str]] = {}
        self.filed: dict[str, int] = defaultdict(int)
        self.listeners: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Queue[SessionNews | None]]] = {}

    def alive(self, session_id: str) -> _Kept | None:
        """The session, unless it has lapsed."""
        kept = self.kept.get(session_id)
        if kept is not None and self.clock() >= kept.until:
            del self.kept[session_id]
            return None
        return kept

    def held(self, session_id: str, turn: int) -> _Kept:
        """Raises SessionNotFound, SessionTaken."""
        kept = self.alive(session_id)
        if kept is None:
            raise SessionNotFound
        if kept.turn != turn:
            raise SessionTaken
        return kept

    def touch(self, kept: _Kept) -> None:
        """It lapses later."""
        kept.until = self.clock() + self.settings.idle_s

    def ask(self, kept: _Kept) -> bool:
        """A worker shall look after the next frame; whoever called sends the message."""
        kept.asked = self.clock()
        kept.asks += 1
        return True

    def tell(self, kept: _Kept, kind: str, frame: Waiting[NewFrame], members: str) -> None:
        """Number, keep, record and publish an answer."""
        kept.seq += 1
        head = f'{{"type":"{kind}","seq":{kept.seq},"number":{frame.number},{frame.content.meta}'
        text = f'{head},"dropped":{kept.line.dropped},{members}}}'
        kept.answers = [*kept.answers, text][-self.settings.answers_kept :]
        if kept.new.record:
            self.records[kept.new.id].append(text)
        self.publish(kept.holder, SessionNews(kept.new.id, kept.turn, text))

    def publish(self, holder: str, news: SessionNews) -> None:
        """From any thread."""
        if holder in self.listeners:
            loop, queue = self.listeners[holder]
            loop.call_soon_threadsafe(queue.put_nowait, news)


class MemorySessionStore:
    """SessionStore in memory."""

    def __init__(self, shared: MemorySessions) -> None:
        self._all = shared

    async def open(self, new: NewSession) -> None:
        """See the port."""
        settings, now = self._all.settings, self._all.clock()

        def lost(frame: Waiting[NewFrame], *, ran: bool) -> None:
            detail = NOT_FINISHED if ran else NOT_TAKEN
            error = ErrorInfo(code="lost", title="The frame is lost", detail=detail, retryable=True)
            self._all.tell(kept, "lost", frame, f'"error":{error.model_dump_json()}')

        line = FrameLine[NewFrame](settings.in_flight, settings.lost_s, new.window, lost)
        with self._all.lock:
            kept = _Kept(new, line, now, now + settings.idle_s, new.holder, new.lane)
            self._all.kept[new.id] = kept
            if new.record:
                self._all.records[new.id] = deque()

    async def resume(self, session_id: str, token_hash: str, holder: str) -> HeldSession:
        """See the port."""
        with self._all.lock:
            kept = self._all.alive(session_id)
            if kept is None or kept.new.token_hash != token_hash:
                raise SessionNotFound
            self._all.publish(kept.holder, SessionNews(session_id, kept.turn, None))
            kept.turn += 1
            kept.holder = holder
            self._all.touch(kept)
            age_s = self._all.clock() - kept.born
            running = [kept.line.running] if kept.line.running else []
            metas = [each.content.meta for each in (*running, *kept.line.waiting)]
            known = (kept.seq, age_s, kept.new.window, kept.new.record, metas)
            return HeldSession(kept.new.spec, kept.lane, kept.turn, *known)

    async def offer(self, session_id: str, turn: int, frame: NewFrame) -> Offered:
        """See the port."""
        with self._all.lock:
            kept = self._all.held(session_id, turn)
            number, gone = kept.line.offer(frame, self._all.clock())
            first = kept.line.dropped - len(gone) + 1
            dropped = [_dropped(each, total) for total, each in enumerate(gone, first)]
            self._all.touch(kept)
            wake = kept.line.running is None and kept.asked is None and self._all.ask(kept)
            return Offered(number, dropped, wake)

    async def reset(self, session_id: str, turn: int) -> int:
        """See the port."""
        with self._all.lock:
            return self._all.held(session_id, turn).line.reset()

    async def look(self, session_id: str, turn: int) -> Looked:
        """See the port."""
        with self._all.lock:
            kept = self._all.held(session_id, turn)
            now = self._all.clock()
            kept.line.look(now)
            pause_s = _AGAIN_S * 2 ** min(kept.asks - 1, 6)
            again = kept.asked is None or now - kept.asked >= pause_s
            wake = bool(kept.line.waiting) and kept.line.running is None and again and self._all.ask(kept)
            return Looked(wake, kept.line.losses, kept.line.open)

    async def move(self, session_id: str, turn: int, lane: str, message: Envelope | None) -> None:  # noqa: ARG002
        """See the port."""
        with self._all.lock:
            kept = self._all.held(session_id, turn)
            kept.lane, kept.asked, kept.asks = lane, None, 0

    async def answers(self, session_id: str, after: int) -> list[str]:
        """See the port."""
        with self._all.lock:
            kept = self._all.alive(session_id)
            return _after(kept.answers, after) if kept else []

    async def end(self, session_id: str, turn: int) -> None:
        """See the port."""
        with self._all.lock:
            self._all.held(session_id, turn)
            del self._all.kept[session_id]

    @asynccontextmanager
    async def listen(self, holder: str) -> AsyncGenerator[AsyncIterator[SessionNews | None]]:
        """See the port."""
        queue: asyncio.Queue[SessionNews | None] = asyncio.Queue()
        self._all.listeners[holder] = (asyncio.get_running_loop(), queue)
        try:
            yield _each(queue)
        finally:
            del self._all.listeners[holder]

    async def recorded(self) -> list[str]:
        """See the port."""
        return list(self._all.records)

    async def record_part(self, session_id: str, most: int) -> RecordPart:
        """See the port."""
        with self._all.lock:
            lines = list(self._all.records.get(session_id, ()))[:most]
            ended = self._all.alive(session_id) is None and len(lines) < most
            return RecordPart(self._all.filed[session_id], lines, ended)

    async def filed(self, session_id: str, part: RecordPart) -> None:
        """See the port."""
        with self._all.lock:
            record = self._all.records.get(session_id)
            if record is None:
                return
            if self._all.filed[session_id] == part.first:
                self._all.filed[session_id] += len(part.lines)
                for _ in part.lines:
                    record.popleft()
            if not record and self._all.alive(session_id) is None:
                del self._all.records[session_id]
                del self._all.filed[session_id]

    async def close(self) -> None:
        """Nothing is held."""


class MemoryFrameStore:
    """FrameStore in memory."""

    def __init__(self, shared: MemorySessions) -> None:
        self._all = shared

    def take(self, session_id: str, worker: str) -> TakenFrame | None:  # noqa: ARG002
        """See the port."""
        with self._all.lock:
            kept = self._all.alive(session_id)
            if kept is None:
                return None
            kept.asked, kept.asks = None, 0
            now = self._all.clock()
            taken = kept.line.take(now)
            if taken is None:
                return None
            frame, rows = taken.content, b"".join(kept.line.before())
            times = (taken.queued - frame.held_s, taken.queued, now)
            return TakenFrame(session_id, taken.number, kept.new.spec, frame.kind, frame.content, rows, *times)

    def finish(self, frame: TakenFrame, kind: str, members: str, row: bytes = b"") -> Finished:
        """See the port."""
        with self._all.lock:
            kept = self._all.alive(frame.session_id)
            running = kept.line.running if kept else None
            if kept is None or running is None or not kept.line.finish(frame.number, row):
                return Finished(stale=True, wake=False)
            self._all.tell(kept, kind, running, members)
            self._all.touch(kept)
            wake = kept.asked is None and bool(kept.line.waiting) and self._all.ask(kept)
            return Finished(stale=False, wake=wake)

    def close(self) -> None:
        """Nothing is held."""


async def _each(queue: asyncio.Queue[SessionNews | None]) -> AsyncGenerator[SessionNews | None]:
    while True:
        yield await queue.get()


def _dropped(frame: Waiting[NewFrame], total: int) -> str:
    return f'{{"type":"dropped","number":{frame.number},{frame.content.meta},"dropped":{total}}}'


def _after(answers: list[str], seq: int) -> list[str]:
    return [each for each in answers if json.loads(each)["seq"] > seq]
