"""One session with its socket here: what is to be told to its client, each answer once and in order."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from api.services.session_frames import FrameReader, Pace
from shared.errors import FramelaneError
from shared.sessions import SessionSpec

_MOST_UNREAD = 1_024
"""Answers that a client is behind; then it is let go, and may come back for those that are kept."""


class TooSlow(FramelaneError):
    """The client doesn't read its answers."""

    code = "client-too-slow"
    retryable = True


class GatewayStops(FramelaneError):
    """The gateway stops; any other goes on with the session."""

    code = "gateway-stops"
    retryable = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is: its id, the turn of its holder, and the lane of its messages."""

    session_id: str
    turn: int
    lane: str


class Live:
    """``left_s``: until its time is up. ``seq``: of the last answer that its client knows."""

    def __init__(
        self, place: Place, spec: SessionSpec, reader: FrameReader, pace: Pace, left_s: float, seq: int
    ) -> None:
        self.place = place
        self.spec = spec
        self.reader = reader
        self.pace = pace
        now = time.monotonic()
        self.over_at = now + left_s
        self.last_frame_at = now
        self.open = 0
        """Frames without an answer, as far as is known here."""
        self.open_since = now
        self.seq = seq
        self._unread: deque[str] = deque()
        self.ended = False
        self._end: FramelaneError | None = None
        self._something = asyncio.Event()

    def heard(self, answer: str) -> bool:
        """Tell an answer; False if one before it is missing: then catch up with all that are kept."""
        seq = seq_of(answer)
        if seq > self.seq + 1:
            return False
        self._news(answer, seq)
        return True

    def catch_up(self, answers: list[str]) -> None:
        """Tell those that are news; what isn't among them isn't kept any more."""
        for answer in answers:
            self._news(answer, seq_of(answer))

    def tell(self, message: str) -> None:
        """Tell something that isn't numbered."""
        if len(self._unread) >= _MOST_UNREAD:
            self.end(TooSlow())
            return
        self._unread.append(message)
        self._something.set()

    def offered(self, dropped: int) -> None:
        """A frame is on its way, and others aren't any more."""
        now = time.monotonic()
        self.last_frame_at = now
        if self.open == 0:
            self.open_since = now
        self.open += 1 - dropped

    def end(self, why: FramelaneError | None) -> None:
        """Nothing more is told after ``why``; None: its client is gone or ended it. The first reason counts."""
        if not self.ended:
            self._end = why
            self.ended = True
            self._something.set()

    @property
    def why(self) -> FramelaneError | None:
        """Why it ended."""
        return self._end

    async def next(self) -> str | None:
        """What to tell next; None when nothing more comes."""
        while not self._unread:
            if self.ended:
                return None
            self._something.clear()
            await self._something.wait()
        return self._unread.popleft()

    def _news(self, answer: str, seq: int) -> None:
        if seq <= self.seq:
            return
        self.seq = seq
        self.open = max(0, self.open - 1)
        self.open_since = time.monotonic()
        self.tell(answer)


def seq_of(answer: str) -> int:
    """The number of an answer, which is its second member."""
    return int(answer[answer.index('"seq":') + 6 : answer.index(",", answer.index('"seq":'))])
