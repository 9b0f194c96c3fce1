"""How fast the pipelines of this process are, at this moment."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import count

from shared.workers import PipelineRate

STREAMS = 64
"""Of a pipeline, told one by one."""


class Rates:
    """Of running pipelines, each in the first slot that was free when it began. Safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, dict[int, float]] = {}

    @contextmanager
    def of_one(self) -> Generator[dict[int, float]]:
        """Frames a second by stream, to be kept up to date while inside."""
        with self._lock:
            slot = next(number for number in count() if number not in self._running)
            running: dict[int, float] = {}
            self._running[slot] = running
        try:
            yield running
        finally:
            with self._lock:
                del self._running[slot]

    def now(self) -> list[tuple[int, Mapping[int, float]]]:
        """By slot."""
        with self._lock:
            return [(slot, dict(running)) for slot, running in sorted(self._running.items())]

    def told(self) -> list[PipelineRate]:
        """For screens."""
        return [
            PipelineRate(slot=slot, streams=len(fps), fps=round(sum(fps.values()), 2)) for slot, fps in self.now()
        ]


RATES = Rates()
"""Of this process."""
