"""The doors to results of measurements, which outlive their jobs: for the gateway, and for who measures."""

from dataclasses import dataclass
from typing import Protocol

from shared.benchmarks import Benchmark, BenchmarkSummary


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """Filters that must all hold, and where to go on: ``cursor`` is a page's ``next_cursor``.

    ``hardware``: a part of its name, in upper or lower case. ``pipeline``: as results call it, without
    ``/variants/…`` for any of its variants, or the id alone. ``parent``: a suite's, for its tests. ``tenant``:
    whose; None: everybody's.
    """

    kind: str | None = None
    device: str | None = None
    hardware: str | None = None
    pipeline: str | None = None
    model: str | None = None
    parent: str | None = None
    limit: int = 50
    cursor: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkPage:
    """What was kept last stands first. ``next_cursor`` is None at the end; a page can be short before it."""

    benchmarks: list[BenchmarkSummary]
    next_cursor: str | None


class BenchmarkStore(Protocol):
    """What was measured, from the front door. Raises StoreUnavailable."""

    async def find(self, query: BenchmarkQuery) -> BenchmarkPage:
        """Raises InvalidSpec at ``/cursor`` for a cursor that isn't one of ours."""
        ...

    async def get(self, benchmark_id: str) -> Benchmark:
        """Raises BenchmarkNotFound."""
        ...

    async def remove(self, benchmark_id: str) -> None:
        """Raises BenchmarkNotFound."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class BenchmarkWriter(Protocol):
    """The same, from the workshop. Blocking. Raises StoreUnavailable."""

    def keep(self, benchmark: Benchmark) -> None:
        """Keep it until somebody removes it; one of the same id is replaced and stays in its place."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
