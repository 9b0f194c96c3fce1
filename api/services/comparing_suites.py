"""Scores of two suites next to each other, and their tests. Pure."""

from collections.abc import Iterator, Sequence

from shared.benchmarks import Difference, SuiteResult, SuiteTestDifference, SuiteTestResult
from shared.measure.compare import verdict_of
from shared.measure.score import difference

_Span = tuple[float | None, float | None, float | None]
"""A figure and its interval."""


def of_suites(a: SuiteResult, b: SuiteResult, margin: float) -> Difference:
    """By their scores, if they are of the same tests with the same weights and references."""
    if _made_of(a.tests) != _made_of(b.tests):
        return Difference(verdict="cannot_tell", reason="their tests, weights or references differ")
    for name, result in (("a", a), ("b", b)):
        if result.missing:
            return Difference(verdict="cannot_tell", reason=f"{name} has no {', '.join(result.missing)}")
    return _difference((a.score, a.low, a.high), (b.score, b.low, b.high), margin)


def of_tests(a: object, b: object, margin: float) -> Iterator[SuiteTestDifference]:
    """Of each test that both have a figure of; none of what isn't a suite."""
    if not isinstance(a, SuiteResult) or not isinstance(b, SuiteResult):
        return
    others = {test.name: test for test in b.tests}
    for one in a.tests:
        other = others.get(one.name)
        if other and other.kind == one.kind and one.figure is not None and other.figure is not None:
            found = _difference((one.figure, one.low, one.high), (other.figure, other.low, other.high), margin)
            yield SuiteTestDifference(**found.model_dump(), name=one.name)


def _made_of(tests: Sequence[SuiteTestResult]) -> list[tuple[str, str, float, float]]:
    return [(test.name, test.kind, test.weight, test.reference) for test in tests]


def _difference(a: _Span, b: _Span, margin: float) -> Difference:
    (at_a, low_a, high_a), (at_b, low_b, high_b) = a, b
    if not at_a or not at_b:
        return _of_none(at_a or 0.0, at_b or 0.0)
    if low_a is None or low_b is None or high_a is None or high_b is None:
        return Difference(verdict="cannot_tell", reason="one has no interval: repeat more, or let searches end")
    if not low_a or not low_b:
        return Difference(verdict="cannot_tell", reason="one of them may be nothing")
    found, low, high = difference((at_a, low_a, high_a), (at_b, low_b, high_b))
    verdict = verdict_of(found, low, high, margin)
    reason = (
        "the figures are too uncertain for so small a difference: repeat more" if verdict == "cannot_tell" else ""
    )
    numbers = {"difference": round(found, 4), "low": round(low, 4), "high": round(high, 4)}
    return Difference(verdict=verdict, reason=reason, **numbers)


def _of_none(a: float, b: float) -> Difference:
    if a == b:
        return Difference(verdict="same", reason="both are 0")
    return Difference(verdict="faster" if b else "slower", reason=f"{'a' if b else 'b'} is 0")
