"""How much memory each process of a system takes, and whether that grows."""

import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

EVERY_S = 5.0
MIB = 1024 * 1024
_WHOLE = 0.95
"""Of the samples of a stretch: who has fewer lived through a part of it only."""

Sample = tuple[float, int]
"""Seconds since the beginning, and resident bytes."""


@dataclass(frozen=True)
class Growth:
    """Of one process, in MiB and MiB an hour; ``error`` is the standard error of ``slope``."""

    name: str
    first: float
    last: float
    slope: float
    error: float
    samples: int

    def exceeds(self, bound: float) -> bool:
        """Whether it surely grows faster than ``bound`` MiB an hour."""
        return self.slope - 2 * self.error > bound


@dataclass
class Watch:
    """Looks at the processes of ``roots`` and all below them, in a thread, until it is stopped."""

    roots: Mapping[str, int]
    seen: dict[tuple[str, int], list[Sample]] = field(default_factory=dict[tuple[str, int], list[Sample]])

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def second_half(self) -> list[Growth]:
        """Of the processes that lived through all of it."""
        end = max(at for samples in self.seen.values() for at, _ in samples)
        late = {who: [each for each in samples if each[0] >= end / 2] for who, samples in self.seen.items()}
        most = max(len(samples) for samples in late.values())
        return [growth(name, late[name, pid]) for name, pid in late if len(late[name, pid]) >= _WHOLE * most]

    @property
    def short_lived(self) -> int:
        """How many processes came and went."""
        most = max(len(samples) for samples in self.seen.values())
        return sum(len(samples) < _WHOLE * most for samples in self.seen.values())

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            at = time.monotonic() - self._begun
            for name, root in self.roots.items():
                for process_name, process in _below(name, root):
                    with suppress(psutil.Error):
                        sample = at, process.memory_info().rss
                        self.seen.setdefault((process_name, process.pid), []).append(sample)


def _below(name: str, root: int) -> list[tuple[str, psutil.Process]]:
    with suppress(psutil.Error):
        process = psutil.Process(root)
        below = [(f"{name}, child {each.pid}", each) for each in process.children(recursive=True)]
        return [(name, process), *below]
    return []


def growth(name: str, samples: Sequence[Sample]) -> Growth:
    """By least squares."""
    hours, sizes = [at / 3600 for at, _ in samples], [size / MIB for _, size in samples]
    line = statistics.linear_regression(hours, sizes)
    middle = statistics.mean(hours)
    spread = sum((hour - middle) ** 2 for hour in hours)
    off = sum((size - line.intercept - line.slope * hour) ** 2 for hour, size in zip(hours, sizes, strict=True))
    error = (off / max(len(samples) - 2, 1) / spread) ** 0.5
    return Growth(name, sizes[0], sizes[-1], line.slope, error, len(samples))
