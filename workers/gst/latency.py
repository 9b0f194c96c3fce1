"""How long frames take from source to sink, as GStreamer's latency tracer says it. Standard library only."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_LINE = re.compile(rb" latency, .*?sink-element=\(string\)([^,;]+),.*?\btime=\(guint64\)(\d+)")
_NS_PER_MS = 1e6


@dataclass(slots=True)
class Span:
    """Latencies of some frames, in milliseconds."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = 0.0

    def add(self, ms: float) -> None:
        """One frame."""
        self.count += 1
        self.total += ms
        self.least, self.most = min(self.least, ms), max(self.most, ms)

    def figures(self) -> dict[str, float]:
        """As they go over the wire; only if there was a frame."""
        return {
            "avg_ms": round(self.total / self.count, 3),
            "min_ms": round(self.least, 3),
            "max_ms": round(self.most, 3),
        }


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

    def interval(self) -> Mapping[int, dict[str, float]]:
        """Figures since the last call."""
        with self._lock:
            spans, self._now = self._now, {}
        return {stream: span.figures() for stream, span in spans.items()}

    def whole(self) -> Mapping[int, dict[str, float]]:
        """Figures of the run so far."""
        with self._lock:
            return {stream: span.figures() for stream, span in self._whole.items()}
