"""Two results of measurements next to each other. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from api.services.comparing_suites import of_suites, of_tests
from shared.benchmarks import (
    Benchmark,
    BenchmarkComparison,
    Changed,
    DensityResult,
    Difference,
    Environment,
    MeasuredRun,
    OptimizeResult,
    PerformanceResult,
    PipelineDifference,
    SuiteResult,
)
from shared.errors import InvalidSpec, TooFewRuns
from shared.figures import Figure
from shared.measure.compare import Comparison, Sample, compare, compare_samples, verdict_of

Comparable = PerformanceResult | DensityResult | OptimizeResult | SuiteResult

_COMPARED: Mapping[str, Literal["total_fps", "streams", "fps", "score"]] = {
    "performance": "total_fps",
    "density": "streams",
    "optimize": "fps",
    "suite": "score",
}
_OF_NO_MATTER = frozenset(
    {"name", "priority", "labels", "callback_url", "expires_s", "max_attempts", "retention_s", "timeout_s", "kind"}
)
"""Fields of a spec that don't change what is measured."""
_LONGEST = 200


def compared(a: Benchmark, b: Benchmark, margin: float) -> BenchmarkComparison:
    """``b`` against ``a``; differences below ``margin`` are of no matter.

    Raises InvalidSpec for results without a rate, and for two kinds.
    """
    first, second = _comparable(a, "/a"), _comparable(b, "/b")
    if a.kind != b.kind:
        raise InvalidSpec(("/b", f"a is of kind {a.kind}, b of kind {b.kind}: compare two of one kind"))
    found = _difference(first, second, margin)
    return BenchmarkComparison(
        **found.model_dump(),
        a=a.summary(),
        b=b.summary(),
        compared=_COMPARED[a.kind],
        pipelines=list(_pipelines(first, second, margin)),
        tests=list(of_tests(first, second, margin)),
        environment=_environment(first.environment, second.environment),
        asked=_asked(a.spec, b.spec),
        doubts=list(_doubts(first, second)),
    )


def _comparable(benchmark: Benchmark, pointer: str) -> Comparable:
    if isinstance(benchmark.result, Comparable):
        return benchmark.result
    raise InvalidSpec((pointer, f"{benchmark.id} is of kind {benchmark.kind}, which has no rate to compare"))


def _difference(a: Comparable, b: Comparable, margin: float) -> Difference:
    if isinstance(a, DensityResult) and isinstance(b, DensityResult):
        return _of_density(a, b, margin)
    if isinstance(a, SuiteResult) and isinstance(b, SuiteResult):
        return of_suites(a, b, margin)
    try:
        if isinstance(a, PerformanceResult) and isinstance(b, PerformanceResult):
            return _told(compare(_totals(a.runs), _totals(b.runs), margin))
        assert isinstance(a, OptimizeResult)  # noqa: S101 - both are of one kind
        assert isinstance(b, OptimizeResult)  # noqa: S101
        return _told(compare_samples(_sample(a.fps), _sample(b.fps), margin))
    except TooFewRuns as error:
        return Difference(verdict="cannot_tell", reason=error.detail)


def _of_density(a: DensityResult, b: DensityResult, margin: float) -> Difference:
    """By the numbers that each is sure to carry, and those it may carry at most."""
    if a.fps_floor != b.fps_floor:
        reason = f"floors differ: {a.fps_floor:g} and {b.fps_floor:g} fps"
        return Difference(verdict="cannot_tell", reason=reason)
    if not a.n_streams or not b.n_streams:
        return _of_none(a, b)
    difference = b.n_streams / a.n_streams - 1
    low, high = b.n_streams / a.at_most - 1, b.at_most / a.n_streams - 1
    verdict = verdict_of(difference, low, high, margin)
    reason = "one may carry as many streams as the other: repeat more" if verdict == "cannot_tell" else ""
    numbers = {"difference": round(difference, 4), "low": round(low, 4), "high": round(high, 4)}
    return Difference(verdict=verdict, reason=reason, **numbers)


def _of_none(a: DensityResult, b: DensityResult) -> Difference:
    if max(a.at_most, b.at_most) and min(a.at_most, b.at_most) >= max(a.n_streams, b.n_streams):
        return Difference(verdict="cannot_tell", reason="one of them may carry as many streams as the other")
    if a.n_streams == b.n_streams:
        return Difference(verdict="same", reason="neither carries a stream")
    more = b.n_streams > a.n_streams
    return Difference(verdict="faster" if more else "slower", reason=f"{'a' if more else 'b'} carries no stream")


def _pipelines(a: Comparable, b: Comparable, margin: float) -> Iterator[PipelineDifference]:
    if not isinstance(a, PerformanceResult) or not isinstance(b, PerformanceResult):
        return
    for place, (one, other) in enumerate(zip(a.pipelines, b.pipelines, strict=False)):
        if one.pipeline_id != other.pipeline_id:
            continue
        try:
            found = _told(compare(_totals(a.runs, place), _totals(b.runs, place), margin))
        except TooFewRuns as error:
            found = Difference(verdict="cannot_tell", reason=error.detail)
        yield PipelineDifference(**found.model_dump(), pipeline_id=one.pipeline_id)


def _totals(runs: Sequence[MeasuredRun], place: int | None = None) -> list[float]:
    """By run, of all pipelines or one; disturbed runs count where there are no others."""
    used = [run for run in runs if run.disturbed is None] or runs
    return [sum(sum(rates) for rates in (run.fps if place is None else [run.fps[place]])) for run in used]


def _sample(figure: Figure) -> Sample:
    return Sample(figure.median, figure.spread, figure.runs)


def _told(found: Comparison) -> Difference:
    reason = "the runs differ too much for so small a difference: repeat more" if _open(found) else ""
    numbers = {name: round(getattr(found, name), 4) for name in ("difference", "low", "high")}
    return Difference(verdict=found.verdict, reason=reason, **numbers)


def _open(found: Comparison) -> bool:
    return found.verdict == "cannot_tell"


def _environment(a: Environment, b: Environment) -> list[Changed]:
    models = [{f"model {name}": version for name, version in each.models.items()} for each in (a, b)]
    return [*_changed(a.parts, b.parts), *_changed(*models)]


def _asked(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Changed]:
    return _changed(*({f"spec {name}": each[name] for name in each.keys() - _OF_NO_MATTER} for each in (a, b)))


def _changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Changed]:
    names = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
    return [Changed(name=name, a=_text(a.get(name)), b=_text(b.get(name))) for name in names]


def _text(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _doubts(a: Comparable, b: Comparable) -> Iterator[str]:
    for name, result in (("a", a), ("b", b)):
        if not result.trusted:
            yield f"{name} was disturbed: too few of its runs were left alone"
        if isinstance(result, DensityResult) and result.ended != "found":
            yield f"{name} ended early ({result.ended}): it may carry more"
    if a.environment.fingerprint != b.environment.fingerprint:
        yield "they were measured on or with something else: see environment"
