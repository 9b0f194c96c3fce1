"""Results of measurements, in one process."""

import threading

from shared.adapters.benchmark_records import hardware, not_found, tags, wanted
from shared.adapters.records import SCAN_LIMIT, read_cursor, write_cursor
from shared.benchmarks import Benchmark
from shared.ports import BenchmarkPage, BenchmarkQuery


class MemoryBenchmarks:
    """What both faces share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: dict[str, tuple[int, Benchmark]] = {}
        self.newest = 0


class MemoryBenchmarkStore:
    """BenchmarkStore."""

    def __init__(self, shared: MemoryBenchmarks) -> None:
        self._shared = shared

    async def find(self, query: BenchmarkQuery) -> BenchmarkPage:
        """See the port."""
        below = None if query.cursor is None else read_cursor(query.cursor)
        with self._shared.lock:
            newest_first = sorted(self._shared.kept.values(), key=lambda each: each[0], reverse=True)
        own = [each for each in newest_first if query.tenant in {None, each[1].tenant}]
        left = [each for each in own if below is None or each[0] < below]
        page = BenchmarkPage([], None)
        for seen, (order, benchmark) in enumerate(left, start=1):
            if _fits(benchmark, query):
                page.benchmarks.append(benchmark.summary())
            if (len(page.benchmarks) >= query.limit or seen >= SCAN_LIMIT) and seen < len(left):
                return BenchmarkPage(page.benchmarks, write_cursor(order))
        return page

    async def get(self, benchmark_id: str) -> Benchmark:
        """See the port."""
        with self._shared.lock:
            if benchmark_id not in self._shared.kept:
                raise not_found(benchmark_id)
            return self._shared.kept[benchmark_id][1]

    async def remove(self, benchmark_id: str) -> None:
        """See the port."""
        with self._shared.lock:
            if self._shared.kept.pop(benchmark_id, None) is None:
                raise not_found(benchmark_id)

    async def close(self) -> None:
        """Nothing to let go of."""


class MemoryBenchmarkWriter:
    """BenchmarkWriter."""

    def __init__(self, shared: MemoryBenchmarks) -> None:
        self._shared = shared

    def keep(self, benchmark: Benchmark) -> None:
        """See the port."""
        with self._shared.lock:
            self._shared.newest += 1
            order, _ = self._shared.kept.get(benchmark.id, (self._shared.newest, benchmark))
            self._shared.kept[benchmark.id] = (order, benchmark)

    def close(self) -> None:
        """Nothing to let go of."""


def _fits(benchmark: Benchmark, query: BenchmarkQuery) -> bool:
    return set(wanted(query)) <= set(tags(benchmark)) and hardware(query.hardware) in hardware(benchmark.hardware)
