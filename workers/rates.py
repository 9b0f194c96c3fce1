"""How fast the pipelines of this process are, at this moment."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from shared.workers import PipelineRate

STREAMS = 64
"""Of a pipeline, told one by one."""


@dataclass(frozen=True, slots=True)
class _Running:
    job_id: str
    fps: dict[int, float] = field(default_factory=dict[int, float])


class Rates:
    """Of running pipelines, each in the first slot that was free when it began. Safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}

    @contextmanager
    def of(self, job_id: str) -> Generator[dict[int, float]]:
        """Frames a second by stream, to be kept up to date while inside."""
        with self._lock:
            slot = next(number for number in count() if number not in self._running)
            running = self._running[slot] = _Running(job_id)
        try:
            yield running.fps
        finally:
            with self._lock:
                del self._running[slot]

    def now(self) -> list[tuple[int, Mapping[int, float]]]:
        """By slot."""
        with self._lock:
            return [(slot, dict(running.fps)) for slot, running in sorted(self._running.items())]

    def by_job(self) -> list[PipelineRate]:
        """For screens."""
        with self._lock:
            return [
                PipelineRate(job_id=each.job_id, streams=len(each.fps), fps=round(sum(each.fps.values()), 2))
                for each in self._running.values()
            ]


RATES = Rates()
"""Of this process."""
