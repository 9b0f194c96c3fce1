"""How long frames take from source to sink, as GStreamer's latency tracer says it. Standard library only."""

import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_LINE = re.compile(rb" latency, .*?sink-element=\(string\)([^,;]+),.*?\btime=\(guint64\)(\d+)")
_NS_PER_MS = 1e6

_STEP = math.log(1.02)
"""Of the bins: a percentile is 1 % off at most."""
_LEAST_MS, _MOST_MS = 1e-3, 1e6
_PERCENTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99}


@dataclass(slots=True)
class Span:
    """Latencies of some frames, in milliseconds; of each how often, in about a thousand bins at most."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = 0.0
    bins: dict[int, int] = field(default_factory=dict[int, int])

    def add(self, ms: float) -> None:
        """One frame."""
        self.count += 1
        self.total += ms
        self.least, self.most = min(self.least, ms), max(self.most, ms)
        place = round(math.log(min(max(ms, _LEAST_MS), _MOST_MS)) / _STEP)
        self.bins[place] = self.bins.get(place, 0) + 1

    def figures(self) -> dict[str, float]:
        """As they go over the wire; only if there was a frame."""
        return {
            "avg_ms": round(self.total / self.count, 3),
            "min_ms": round(self.least, 3),
            "max_ms": round(self.most, 3),
            **{name: round(self.percentile(share), 3) for name, share in _PERCENTILES.items()},
        }

    def percentile(self, share: float) -> float:
        """What so many of the frames don't exceed, to 1 %; only if there was a frame."""
        seen = 0
        for place in sorted(self.bins):
            seen += self.bins[place]
            if seen >= share * self.count:
                return min(max(math.exp(place * _STEP), self.least), self.most)
        return self.most

    def packed(self) -> list[list[int]]:
        """The bins as pairs, for ``merge``."""
        return [[place, count] for place, count in self.bins.items()]

    def merge(self, figures: Mapping[str, Any]) -> None:
        """Take in another span that was told as ``figures`` with ``bins``."""
        count = sum(each for _, each in figures["bins"])
        self.count += count
        self.total += figures["avg_ms"] * count
        self.least, self.most = min(self.least, figures["min_ms"]), max(self.most, figures["max_ms"])
        for place, each in figures["bins"]:
            self.bins[place] = self.bins.get(place, 0) + each


def sample(line: bytes) -> tuple[str, float] | None:
    """Sink and milliseconds of one line of the tracer; None if it is another line."""
    found = _LINE.search(line)
    return (found[1].decode("utf-8", "replace"), int(found[2]) / _NS_PER_MS) if found else None


@dataclass(slots=True)
class Latencies:
    """Latencies by stream, of the current interval and of the whole run. Safe to use from two threads.

    ``stream_of``: the stream of a sink's name, None if it is no stream's main sink.
    """

    stream_of: Callable[[str], int | None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _now: dict[int, Span] = field(default_factory=dict[int, Span])
    _whole: dict[int, Span] = field(default_factory=dict[int, Span])

    def hear(self, line: bytes) -> bool:
        """Take one line in; False if it isn't the tracer's."""
        heard = sample(line)
        if heard is None:
            return False
        stream = self.stream_of(heard[0])
        if stream is not None:
            with self._lock:
                for spans in (self._now, self._whole):
                    spans.setdefault(stream, Span()).add(heard[1])
        return True

    def interval(self) -> Mapping[int, dict[str, object]]:
        """Figures since the last call, with their bins."""
        with self._lock:
            spans, self._now = self._now, {}
        return {stream: {**span.figures(), "bins": span.packed()} for stream, span in spans.items()}

    def whole(self) -> Mapping[int, dict[str, float]]:
        """Figures of the run so far."""
        with self._lock:
            return {stream: span.figures() for stream, span in self._whole.items()}
