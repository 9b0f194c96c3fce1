"""One run to see what a pipeline does, not how fast: it ends after a while, and all it said is kept."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from shared.errors import PipelineFailed
from shared.measure.matching import Agreement
from shared.measure.records import agreement, frames_of
from workers.gst.faults import in_words
from workers.gst.request import Request
from workers.gst.supervise import Message

Why = Literal["eos", "time", "frames", "silent", "still", "failed"]


class Play(Protocol):
    """Runs one process to its end; see ``run_pipeline``."""

    def __call__(
        self, request: Request, *, check: Callable[[], None], on_message: Callable[[Message], None]
    ) -> object:
        """Raises what ``check`` raises, and PipelineFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Until:
    """When it is enough: ``seconds`` after the first frame, or so many ``frames``; files end by themselves.

    ``patience_s``: so long the first frame may take, and any frame after it.
    """

    seconds: float
    patience_s: float
    frames: int | None = None


@dataclass
class Seen:
    """What a run came to. ``records``: lines of JSON. ``fault``: what it failed of, as its process told.

    ``in_time``: so many records came before it was stopped; a file that ends in its middle gives damaged frames.
    """

    why: Why = "eos"
    frames: int = 0
    records: list[str] = field(default_factory=list[str])
    fault: Mapping[str, Any] | None = None
    in_time: int = 0

    @property
    def words(self) -> str:
        """The fault as a sentence."""
        return "" if self.fault is None else in_words(self.fault)

    def hide(self, hidden: Callable[[str], str]) -> None:
        """Tell the fault without what ``hidden`` takes out of texts."""
        if self.fault is not None:
            told = self.fault.items()
            self.fault = {name: hidden(value) if isinstance(value, str) else value for name, value in told}

    def last_at(self) -> int | None:
        """Time of the last record to go by, as ``frames_of`` has it; None if it came to its end: all of them."""
        return None if self.why == "eos" else max(frames_of(self.records[: self.in_time]), default=-1)


class _Enough(Exception):
    """It is over, for a reason that is noted."""


class _Watch:
    def __init__(self, until: Until, check: Callable[[], None], clock: Callable[[], float]) -> None:
        self.seen = Seen()
        self._until, self._check, self._clock = until, check, clock
        self._moved_at = clock()
        self._first_at: float | None = None

    def hear(self, message: Message) -> None:
        match message["type"]:
            case "record":
                self.seen.records.append(message["json"])
            case "error" if self.seen.fault is None:
                self.seen.fault = message
            case "first_frame" if self._first_at is None:
                self._first_at = self._moved_at = self._clock()
            case "fps" | "ended":
                self._count(sum(each["frames"] for each in message["streams"]))
            case _:
                """Of no matter here."""

    def _count(self, frames: int) -> None:
        if frames != self.seen.frames:
            self.seen.frames, self._moved_at = frames, self._clock()

    def check(self) -> None:
        """Raises _Enough when it is over, and what the caller's check does."""
        self._check()
        why = self._over()
        if why is not None:
            self.seen.why, self.seen.in_time = why, len(self.seen.records)
            raise _Enough

    def _over(self) -> Why | None:
        now, until = self._clock(), self._until
        if self._first_at is None:
            return "silent" if now - self._moved_at > until.patience_s else None
        if until.frames is not None and self.seen.frames >= until.frames:
            return "frames"
        if now - self._first_at >= until.seconds:
            return "time"
        return "still" if now - self._moved_at > until.patience_s else None


def look(
    request: Request,
    play: Play,
    until: Until,
    check: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> Seen:
    """Run it until it is enough. What a pipeline says it failed of is seen, not raised.

    Raises PipelineFailed when its process dies without a word, or can't begin; and what ``check`` raises.
    """
    watch = _Watch(until, check, clock)
    try:
        play(request, check=watch.check, on_message=watch.hear)
    except _Enough:
        pass
    except PipelineFailed:
        if watch.seen.fault is None or watch.seen.fault["phase"] == "start":
            raise
    if watch.seen.fault is not None:
        watch.seen.why = "failed"
    return watch.seen


def agreed(expected: Seen, found: Seen) -> Agreement:
    """Of the objects of all frames that both had the time for."""
    ends = [at for at in (expected.last_at(), found.last_at()) if at is not None]
    return agreement(frames_of(expected.records), frames_of(found.records), min(ends, default=None))


def shortfall(expected: Seen, found: Seen) -> str:
    """Why a run can't stand for another one, whatever it finds; empty if it can.

    It fails, or doesn't give as many frames; whoever was stopped had enough of them.
    """
    if found.why == "failed":
        return found.words
    if found.why in {"silent", "still"}:
        return "frames stopped coming"
    fewer = found.why == "eos" and found.frames < expected.frames
    more = expected.why == "eos" and found.frames > expected.frames
    return f"gives {found.frames} frames in place of {expected.frames}" if fewer or more else ""
