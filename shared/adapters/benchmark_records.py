"""What every store of benchmarks decides alike. Pure."""

from shared.benchmarks import Benchmark
from shared.errors import BenchmarkNotFound
from shared.ports import BenchmarkQuery

_VARIANTS = "/variants/"
_PIPELINES = "/pipelines/"


def tags(benchmark: Benchmark) -> list[str]:
    """What it is found by, beside its hardware."""
    names = {name for each in benchmark.pipelines for name in _names(each)}
    return [
        f"kind:{benchmark.kind}",
        f"device:{benchmark.device}",
        *(f"pipeline:{name}" for name in sorted(names)),
        *(f"model:{name}" for name in benchmark.models),
        *([f"parent:{benchmark.parent}"] if benchmark.parent else []),
    ]


def wanted(query: BenchmarkQuery) -> list[str]:
    """The tags that a benchmark must have."""
    names = ("kind", "device", "pipeline", "model", "parent")
    asked: dict[str, str | None] = {name: getattr(query, name) for name in names}
    return [f"{name}:{value}" for name, value in asked.items() if value is not None]


def hardware(name: str | None) -> str:
    """As it is compared; "" is part of every name."""
    return (name or "").lower()


def not_found(benchmark_id: str) -> BenchmarkNotFound:
    """With the id that was asked for."""
    return BenchmarkNotFound(f"there is no benchmark {benchmark_id[:100]!r}")


def _names(pipeline: str) -> set[str]:
    whole = pipeline.partition(_VARIANTS)[0]
    return {pipeline, whole, whole.removeprefix(_PIPELINES)}
