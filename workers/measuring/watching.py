"""The machine beside a measurement: read at even intervals on a thread, summed up per window."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from types import TracebackType
from typing import Self

import psutil

from workers.measuring.gauges import Gauge, Reading

INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class Moment:
    """Figures of an interval that ended at ``at`` (monotonic seconds)."""

    at: float
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over a window."""

    mean: float
    most: float


@dataclass
class MachineWatch:
    """While inside, the gauges are read."""

    gauges: Sequence[Gauge]
    interval_s: float = INTERVAL_S
    moments: list[Moment] = field(default_factory=list[Moment])
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="gauges", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self.interval_s):
            figures = {name: value for gauge in self.gauges for name, value in _read(gauge).items()}
            self.moments.append(Moment(time.monotonic(), figures))

    def within(self, began: float, ended: float) -> list[Moment]:
        """Moments whose whole interval lies in the window."""
        return [each for each in self.moments if began + self.interval_s <= each.at <= ended]


def _read(gauge: Gauge) -> Reading:
    """Nothing where it can't be read now: whatever a device or a driver does, the others are still read."""
    try:
        return gauge.read()
    except (OSError, ValueError, RuntimeError, psutil.Error):
        return {}


def summed_up(moments: Sequence[Moment]) -> dict[str, Summary]:
    """Mean and most of each figure that was there at all."""
    names = dict.fromkeys(name for moment in moments for name in moment.figures)
    values = {name: [each.figures[name] for each in moments if name in each.figures] for name in names}
    return {name: Summary(fmean(seen), max(seen)) for name, seen in values.items()}


def disturbance(summary: Mapping[str, Summary], foreign_percent: float) -> str | None:
    """Why a run isn't to be trusted; None if it is. ``foreign_percent``: load of others that is let pass."""
    foreign, steal = summary.get("cpu_foreign_percent"), summary.get("cpu_steal_percent")
    if foreign and foreign.mean > foreign_percent:
        return f"other programs used {foreign.mean:.0f} % of the processors"
    if steal and steal.mean > foreign_percent:
        return f"other guests of the host took {steal.mean:.0f} % of the processors"
    return None
