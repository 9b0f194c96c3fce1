"""The frames of one session on their way: which waits, which runs, which goes, and what the window holds. Pure.

Redis does the same in scripts; one suite holds for both.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Content]):
    """A frame: its number, what it is, and when it was offered."""

    number: int
    content: Content
    queued: float


class OnLost(Protocol, Generic[Content]):
    """Is told each frame that is given up, and whether it ran."""

    def __call__(self, frame: Waiting[Content], *, ran: bool) -> None: ...  # noqa: D102  as the class


@dataclass(slots=True)
class FrameLine(Generic[Content]):
    """``in_flight``: frames that may run or wait. ``lost_s``: so long each may. ``rows``: of the window."""

    in_flight: int
    lost_s: float
    rows: int
    on_lost: OnLost[Content]
    number: int = 0
    dropped: int = 0
    losses: int = 0
    running: Waiting[Content] | None = None
    started: float = 0.0
    waiting: deque[Waiting[Content]] = field(default_factory=deque[Waiting[Content]])
    window: deque[bytes] = field(default_factory=deque[bytes])
    _reset: int = 0

    @property
    def open(self) -> int:
        """Frames that have no answer yet."""
        return len(self.waiting) + (self.running is not None)

    def offer(self, content: Content, now: float) -> tuple[int, list[Waiting[Content]]]:
        """The frame's number, and those that make room for it: the oldest that wait."""
        self.number += 1
        gone: list[Waiting[Content]] = []
        while self.open >= self.in_flight and self.waiting:
            gone.append(self.waiting.popleft())
        self.dropped += len(gone)
        self.waiting.append(Waiting(self.number, content, now))
        return self.number, gone

    def take(self, now: float) -> Waiting[Content] | None:
        """The oldest frame that waits, unless one runs."""
        if self.running is not None or not self.waiting:
            return None
        self.running, self.started = self.waiting.popleft(), now
        return self.running

    def before(self) -> list[bytes]:
        """Rows of the window, without the one that the frame that runs drives out."""
        return list(self.window)[1 - self.rows :] if self.rows > 1 else []

    def finish(self, number: int, row: bytes = b"") -> bool:
        """Whether the frame was the one that runs; then its row is in the window, unless that was reset since."""
        if self.running is None or self.running.number != number:
            return False
        self.running, self.losses = None, 0
        if row and number > self._reset:
            self.window.append(row)
            while len(self.window) > self.rows:
                self.window.popleft()
        return True

    def look(self, now: float) -> None:
        """Give up what takes too long. Those behind one that runs wait: answers come in the order of frames."""
        if self.running is not None and now - self.started >= self.lost_s:
            lost, self.running = self.running, None
            self.losses += 1
            self.on_lost(lost, ran=True)
        while self.running is None and self.waiting and now - self.waiting[0].queued >= self.lost_s:
            self.on_lost(self.waiting.popleft(), ran=False)

    def reset(self) -> int:
        """Empty the window; the number of the last frame that doesn't count any more."""
        self._reset = self.number
        self.window.clear()
        return self.number
