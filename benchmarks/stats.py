"""Medians, percentiles and the table they are printed in."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Sample:
    """Measurements of one thing, in milliseconds."""

    name: str
    values: Sequence[float]

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def print_latencies(title: str, samples: Sequence[Sample], targets: Sequence[str]) -> None:
    """One row a sample: count, p50, p95, p99, and how its median compares with the first sample's."""
    table = Table(
        "what", "n", "p50 ms", "p95 ms", "p99 ms", "of first", "target", title=title, title_justify="left"
    )
    for sample, target in zip(samples, targets, strict=True):
        table.add_row(
            sample.name,
            str(len(sample.values)),
            f"{sample.median:.2f}",
            f"{sample.percentile(95):.2f}",
            f"{sample.percentile(99):.2f}",
            f"{sample.median / samples[0].median:.2f}",
            target,
        )
    Console(width=120).print(table)


def print_figures(title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """One row a figure: what, measured, target."""
    table = Table("what", "measured", "target", title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


def machine() -> str:
    """One line that says where the figures come from."""
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, load {os.getloadavg()[0]:.1f}"


def description() -> str:
    """The machine, its load now and the day, for tables that are kept."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    today = datetime.now(UTC).date()
    return f"{model}, {machine()}, {memory / 2**20:.0f} GiB, Python {platform.python_version()}, {today}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text("utf-8").splitlines()
