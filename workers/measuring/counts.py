"""Frames of streams over time, and their rates over a window."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from shared.measure.steady import steady_from

StreamKey = tuple[int, int]
"""Number of the pipeline within the measurement, number of the stream within the pipeline."""


@dataclass(slots=True)
class Counts:
    """Of one stream: how many frames had come at which times (monotonic seconds), in order."""

    at: list[float] = field(default_factory=list[float])
    frames: list[int] = field(default_factory=list[int])

    def add(self, at: float, frames: int) -> None:
        """A count that was told at ``at``."""
        self.at.append(at)
        self.frames.append(frames)

    @property
    def first_at(self) -> float | None:
        """When frames were first told of."""
        return next((at for at, frames in zip(self.at, self.frames, strict=True) if frames), None)

    def by(self, at: float) -> float:
        """Frames that had come by a time; between two counts as if they had come evenly."""
        place = bisect_right(self.at, at)
        if place == 0:
            return 0.0
        if place == len(self.at):
            return float(self.frames[-1])
        before, after = self.at[place - 1], self.at[place]
        share = (at - before) / (after - before)
        return self.frames[place - 1] + share * (self.frames[place] - self.frames[place - 1])

    def rate(self, began: float, ended: float) -> float:
        """Frames a second within a window."""
        return (self.by(ended) - self.by(began)) / (ended - began)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a run that counts, in monotonic seconds."""

    began: float
    ended: float


def window(
    streams: Mapping[StreamKey, Counts], warm_up_s: float, ended: float, interval_s: float
) -> Window | None:
    """From ``warm_up_s`` after the last stream's first frame, later if the sum of all was still rising or falling.

    None if a stream had no frame, or nothing is left.
    """
    firsts = [counts.first_at for counts in streams.values()]
    if not firsts or None in firsts:
        return None
    began = max(at for at in firsts if at is not None) + warm_up_s
    count = int((ended - began) / interval_s)
    if count < 1:
        return None
    edges = [ended - interval_s * (count - number) for number in range(count + 1)]
    cut = steady_from(series(streams, edges))
    return Window(edges[min(cut, count - 1)], ended)


def series(streams: Mapping[StreamKey, Counts], edges: Sequence[float]) -> list[float]:
    """Frames a second of all streams together between neighbouring edges."""
    return [sum(counts.rate(began, ended) for counts in streams.values()) for began, ended in pairwise(edges)]
