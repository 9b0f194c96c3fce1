"""The score of several tests as one figure with an interval."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.errors import TooFewRuns
from shared.measure.estimates import t95

POINTS = 100.0
"""What a suite has whose tests all give their reference figures."""

_LEAST_DEVIATION = 0.005
"""Relative, of runs that happen to agree."""


@dataclass(frozen=True, slots=True)
class Part:
    """One test. Ratios are of its figure to the reference.

    ``least`` and ``most``: what a counted figure may be, infinite where that isn't known. ``spread`` (deviation
    over mean) and ``runs``: of a measured one that was repeated; a counted one has no runs.
    """

    weight: float
    ratio: float
    least: float
    most: float
    spread: float = 0.0
    runs: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """Points with their 95 % interval; it is None where a test was run once alone."""

    points: float
    low: float | None
    high: float | None


def score(parts: Sequence[Part]) -> Scored:
    """The weighted geometric mean of the ratios, times 100.

    So twice as fast in one test counts as much as half as fast in another of its weight, and no unit wins. A ratio
    of 0 makes a score of 0. The interval adds what repeats can't tell (Welch and Satterthwaite, of logarithms) and
    what counting left open. Raises TooFewRuns for no part.
    """
    if not parts:
        raise TooFewRuns("no test was measured")
    points = _mean(parts, lambda part: part.ratio)
    if any(part.runs == 1 for part in parts):
        return Scored(points, None, None)
    half = _half_width(parts)
    low, high = _mean(parts, lambda part: part.least), _mean(parts, lambda part: part.most)
    return Scored(points, low * math.exp(-half), high * math.exp(half))


def _mean(parts: Sequence[Part], ratio: Callable[[Part], float]) -> float:
    if any(ratio(part) <= 0 for part in parts):
        return 0.0
    total = sum(part.weight for part in parts)
    return POINTS * math.exp(sum(part.weight * math.log(ratio(part)) for part in parts) / total)


def _half_width(parts: Sequence[Part]) -> float:
    total = sum(part.weight for part in parts)
    variances = [
        ((part.weight / total * max(part.spread, _LEAST_DEVIATION)) ** 2 / part.runs, part.runs - 1)
        for part in parts
        if part.runs
    ]
    whole = sum(variance for variance, _ in variances)
    if not whole:
        return 0.0
    freedom = whole**2 / sum(variance**2 / count for variance, count in variances)
    return t95(math.floor(freedom)) * math.sqrt(whole)


def difference(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    """Of b against a, relative, with its interval, from figures with theirs (figure, low, high; all above 0).

    By the method of variance estimates recovery, which takes lopsided intervals as they are.
    """
    (at_a, low_a, high_a), (at_b, low_b, high_b) = ([math.log(each) for each in one] for one in (a, b))
    middle = at_b - at_a
    below = math.hypot(at_b - low_b, high_a - at_a)
    above = math.hypot(high_b - at_b, at_a - low_a)
    return math.exp(middle) - 1, math.exp(middle - below) - 1, math.exp(middle + above) - 1
