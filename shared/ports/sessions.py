"""The doors to live sessions: what a gateway does with frames, and what a worker does."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from shared.ports.queue import Envelope
from shared.sessions import FrameKind


@dataclass(frozen=True, slots=True)
class NewSession:
    """``spec``: JSON of a SessionSpec. ``holder``: the channel of whoever has the socket.

    ``message`` wakes a worker of ``lane``; None where whoever calls sends it. ``window``: rows that are kept.
    """

    id: str
    token_hash: str
    spec: str
    lane: str
    holder: str
    message: Envelope | None
    window: int = 0
    record: bool = False


@dataclass(frozen=True, slots=True)
class HeldSession:
    """A session as it is for its new holder. ``turn``: grows with every holder. ``age_s``: since it began.

    ``open``: the ``meta`` of each frame that runs or waits.
    """

    spec: str
    lane: str
    turn: int
    seq: int
    age_s: float
    window: int
    record: bool
    open: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NewFrame:
    """``meta``: the client's own ``"frame":…,"captured":…`` as JSON members. ``held_s``: in the gateway so far."""

    kind: FrameKind
    content: bytes
    meta: str
    held_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of a frame: its number; those it drove out, as they are told; whether to send a message."""

    number: int
    dropped: Sequence[str]
    wake: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """``wake``: a message must be sent. ``losses``: frames in a row that were lost while they ran.

    ``open``: frames that have no answer yet.
    """

    wake: bool
    losses: int
    open: int


@dataclass(frozen=True, slots=True)
class SessionNews:
    """Something for the holder of a session. ``answer`` is None when another has it now."""

    session_id: str
    turn: int
    answer: str | None


@dataclass(frozen=True, slots=True)
class RecordPart:
    """Recorded answers that are in no file yet. ``first``: how many are in files. ``ended``: no more will come."""

    first: int
    lines: Sequence[str]
    ended: bool


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame to be worked on. Times are seconds since the epoch on the store's clock.

    ``window``: rows of 258 float32 of the frames before it, one after the other.
    """

    session_id: str
    number: int
    spec: str
    kind: FrameKind
    content: bytes
    window: bytes
    received: float
    queued: float
    started: float


@dataclass(frozen=True, slots=True)
class Finished:
    """``stale``: nobody waits for this frame any more, nothing was told. ``wake``: a message must be sent."""

    stale: bool
    wake: bool


class SessionStore(Protocol):
    """Sessions, from the front door. All lapse ``idle_s`` after the last frame.

    What needs the session's ``turn`` raises SessionTaken when another holds it, SessionNotFound when it is gone.
    """

    async def open(self, new: NewSession) -> None:
        """Begin it; its turn is 1."""
        ...

    async def resume(self, session_id: str, token_hash: str, holder: str) -> HeldSession:
        """Become its holder; whoever was is told. Raises SessionNotFound, also for another token."""
        ...

    async def offer(self, session_id: str, turn: int, frame: NewFrame) -> Offered:
        """Let the frame wait for a worker. The oldest that wait go where there would be too many."""
        ...

    async def reset(self, session_id: str, turn: int) -> int:
        """Empty the window; the number of the last frame that doesn't count any more."""
        ...

    async def look(self, session_id: str, turn: int) -> Looked:
        """Give up frames that have no answer for too long, and see to it that a worker knows of the others."""
        ...

    async def move(self, session_id: str, turn: int, lane: str, message: Envelope | None) -> None:
        """From now on its messages go there."""
        ...

    async def answers(self, session_id: str, after: int) -> list[str]:
        """Those kept that came after ``seq``; none of a session that is gone."""
        ...

    async def end(self, session_id: str, turn: int) -> None:
        """It is gone; what was recorded stays."""
        ...

    def listen(self, holder: str) -> AbstractAsyncContextManager[AsyncIterator[SessionNews | None]]:
        """Hear everything for this holder from when the context is entered; None: something may be missing.

        Raises StoreUnavailable when it can't be entered.
        """
        ...

    async def recorded(self) -> list[str]:
        """Sessions that have recorded answers in no file yet, or may get some."""
        ...

    async def record_part(self, session_id: str, most: int) -> RecordPart:
        """The oldest answers that are in no file."""
        ...

    async def filed(self, session_id: str, part: RecordPart) -> None:
        """They are in one now. Of a part that ended the session is forgotten. Twice does no harm."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class FrameStore(Protocol):
    """The same, from the workshop. Blocking."""

    def take(self, session_id: str, worker: str) -> TakenFrame | None:
        """The oldest frame that waits; None while another runs, or where there is none."""
        ...

    def finish(self, frame: TakenFrame, kind: str, members: str, row: bytes = b"") -> Finished:
        """Tell what became of it, append its row to the window, and have the next one taken.

        ``kind``: ``result`` or ``failed``; ``members``: the answer's further members as JSON.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
