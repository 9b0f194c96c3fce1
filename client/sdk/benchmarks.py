"""Benchmarks of the blocking client."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TypeVar

from client.sdk import benchmark_calls
from client.sdk.calls import Call
from shared.benchmarks import Benchmark, BenchmarkComparison, BenchmarkSummary
from shared.suites import Suite

T = TypeVar("T")


class BenchmarkMethods(ABC):
    """What ``Framelane`` can do about results of measurements."""

    @abstractmethod
    def _do(self, call: Call[T]) -> T: ...

    def benchmarks(
        self,
        *,
        kind: str | None = None,
        device: str | None = None,
        hardware: str | None = None,
        pipeline: str | None = None,
        model: str | None = None,
        parent: str | None = None,
        page: int | None = None,
    ) -> Iterator[BenchmarkSummary]:
        """All that fit, the latest first.

        ``hardware``: part of its name; ``pipeline``: its id, or a variant's; ``parent``: a suite's, for its tests.
        """
        filters = {"kind": kind, "device": device, "hardware": hardware, "pipeline": pipeline, "model": model}
        filters["parent"] = parent
        cursor: str | None = None
        while True:
            found = self._do(benchmark_calls.benchmarks(**filters, limit=page, cursor=cursor))
            yield from found.benchmarks
            if (cursor := found.next_cursor) is None:
                return

    def benchmark(self, benchmark_id: str) -> Benchmark:
        """One, with every run it is made of."""
        return self._do(benchmark_calls.benchmark(benchmark_id))

    def delete_benchmark(self, benchmark_id: str) -> None:
        """Forget it; its job stays."""
        self._do(benchmark_calls.delete_benchmark(benchmark_id))

    def compare_benchmarks(self, a: str, b: str, margin: float | None = None) -> BenchmarkComparison:
        """Whether b is faster than a, slower or the same; smaller differences than ``margin`` are of no matter."""
        return self._do(benchmark_calls.compare_benchmarks(a, b, margin))

    def suites(self) -> list[Suite]:
        """Those that ship; a job of kind ``suite`` names one, or brings tests of its own."""
        return self._do(benchmark_calls.suites())
