"""What a follower of a job has seen: what is new, where to go on, when it is over."""

import json
from typing import Generic, TypeVar

from client.sdk.problems import ConnectionFailed
from shared.events import (
    FRAME,
    AnyFrame,
    CancelRequested,
    Gone,
    Lagged,
    Measured,
    Ping,
    Progressed,
    Snapshot,
    StateChanged,
)
from shared.jobs import Job
from shared.states import TERMINAL

Event = StateChanged | Progressed | Measured | CancelRequested
Followed = Snapshot | Event

MAX_FRAME_BYTES = 64 * 1024 * 1024
_KNOWN = frozenset({"snapshot", "state", "progress", "figures", "cancel_requested", "ping", "lagged", "gone"})
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 2.0
_MOST_FAILURES = 12


def parse_frame(text: str | bytes) -> AnyFrame | None:
    """One message; None for a type that a newer gateway may have and we don't know."""
    return FRAME.validate_json(text) if json.loads(text).get("type") in _KNOWN else None


N_co = TypeVar("N_co", covariant=True)


class Line(Generic[N_co]):
    """A reader of something numbered, over any number of connections: ``after_seq`` is the last number it has."""

    def __init__(self, url: str, after_seq: int | None = None) -> None:
        self.after_seq: int | None = after_seq
        self.ended = False
        self._url = url
        self._connected = False
        self._failures = 0
        self._why = "the gateway closed the connection"

    def connected(self) -> None:
        """The gateway accepted us: from now on a lost connection is worth another try."""
        self._connected = True

    def hear(self, text: str | bytes) -> N_co | None:
        """A message, if it is news for the reader."""
        raise NotImplementedError

    def nothing_more(self) -> None:
        """The gateway says that the reader has everything."""

    def look(self, job: Job) -> None:
        """The job between two connections."""

    def lost(self, why: str) -> None:
        """The connection broke. Raises ConnectionFailed when there never was one."""
        if not self._connected:
            raise ConnectionFailed(self._url, why)
        self._why = why

    def pause(self) -> float:
        """Seconds before the next connection. Raises ConnectionFailed after many in vain."""
        self._failures += 1
        if self._failures > _MOST_FAILURES:
            raise ConnectionFailed(self._url, self._why)
        return min(_FIRST_BACKOFF_S * 2 ** (self._failures - 1), _LONGEST_BACKOFF_S)


class Track(Line[Followed]):
    """Passes every event once and in order.

    A snapshot stands for all events up to its ``seq``: it comes first, and again where those that were missed
    aren't kept any more.
    """

    def hear(self, text: str | bytes) -> Followed | None:
        """See the base."""
        return self.take(parse_frame(text))

    def take(self, frame: AnyFrame | None) -> Followed | None:
        """The frame, if it is news for the reader."""
        self._failures = 0
        match frame:
            case Snapshot():
                # Everything up to it is in it: the beginning, or events in between aren't kept any more.
                self.after_seq = frame.seq
                self.ended = frame.job.terminal
                return frame
            case StateChanged() | Progressed() | Measured() | CancelRequested():
                return self._take_event(frame)
            case Ping() | Lagged() | Gone() | None:  # of a job that is gone, the next look tells
                return None

    def look(self, job: Job) -> None:
        """The job between two connections: if its last event was passed on already, nothing more comes."""
        self.ended = job.terminal and self.after_seq is not None and job.seq <= self.after_seq

    def _take_event(self, event: Event) -> Event | None:
        if self.after_seq is not None and event.seq <= self.after_seq:
            return None
        self.after_seq = event.seq
        self.ended = isinstance(event, StateChanged) and event.state in TERMINAL
        return event
