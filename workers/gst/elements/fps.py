"""Frames per second as DL Streamer's gvafpscounter prints them."""

import sys
import threading
import time
from collections.abc import Callable

_SHORTEST_S = 0.1

Say = Callable[[str], None]


class Counter:
    """Of all counters in a pipeline's process. ``average``: since the start instead of since the last line."""

    def __init__(self, say: Say, *, interval: float, starting: int, average: bool) -> None:
        self._say = say
        self._interval = interval
        self._starting = starting
        self._average = average
        self._lock = threading.Lock()
        self._frames: dict[str, int] = {}
        self._total = 0
        self._objects = 0
        self._began = self._last = 0.0
        self._ended = False

    def frame(self, stream: str, objects: int, now: float) -> None:
        """One more of this stream; the first ``starting`` of all streams don't count."""
        with self._lock:
            self._total += 1
            if self._total <= self._starting:
                return
            self._objects += objects
            if not self._began or (self._average and stream not in self._frames):
                self._began = self._last = now
                self._frames = dict.fromkeys(self._frames, 0) if self._average else self._frames
            self._frames[stream] = self._frames.get(stream, 0) + 1
            if now - self._last >= self._interval:
                self._print(
                    now - (self._began if self._average else self._last), "average" if self._average else "last"
                )
                self._last = now
                if not self._average:
                    self._frames = dict.fromkeys(self._frames, 0)

    def end(self, stream: str, now: float) -> None:
        """This stream is over; the first to end tells the whole."""
        with self._lock:
            if not self._ended and self._frames:
                kind = "overall" if self._average else "last"
                self._print(now - (self._began if self._average else self._last), kind)
                self._ended = True
            if self._frames.pop(stream, None) is not None and self._frames:
                self._began = self._last = now
                self._frames = dict.fromkeys(self._frames, 0)
                self._ended = False

    def _print(self, seconds: float, kind: str) -> None:
        if seconds < _SHORTEST_S:
            self._say(
                f"FPSCounter: Not enough data for calculation. The time interval ({seconds:.7f} sec) is too short."
            )
            return
        each = [count / seconds for count in self._frames.values()]
        total = sum(each)
        line = (
            f"FpsCounter({kind} {seconds:.2f}sec): total={total:.2f} fps, number-streams={len(each)}, "
            f"per-stream={total / len(each):.2f} fps, detections={self._objects}"
        )
        if len(each) > 1:
            line += f" ({', '.join(f'{one:.2f}' for one in each)})"
        self._say(line)


def print_line(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


_counters: dict[tuple[str, int], list[Counter]] = {}
_counters_lock = threading.Lock()


def counters(intervals: str, starting: int) -> list[Counter]:
    """Those of this process for these settings: one per interval, and one over all."""
    with _counters_lock:
        key = (intervals, starting)
        if key not in _counters:
            each = [
                Counter(print_line, interval=float(one), starting=starting, average=False)
                for one in intervals.split(",")
                if one.strip()
            ]
            overall = Counter(print_line, interval=float("inf"), starting=starting, average=True)
            _counters[key] = [*each, overall]
        return _counters[key]


def clock() -> float:
    """Seconds, of no particular beginning."""
    return time.monotonic()
