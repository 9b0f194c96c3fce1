"""Whether one result differs from another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from shared.errors import TooFewRuns
from shared.measure.estimates import t95

Verdict = Literal["same", "faster", "slower", "cannot_tell"]

MARGIN = 0.10
"""Differences below it are of no matter to who decides, by default."""

_LEAST_DEVIATION = 0.005
"""Relative; runs that happen to agree better than clocks and schedulers do aren't so exact."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``difference``: of b against a, relative, with its 95 % interval; above 0 is faster."""

    verdict: Verdict
    difference: float
    low: float
    high: float


def compare(a: Sequence[float], b: Sequence[float], margin: float = MARGIN) -> Comparison:
    """Rates of repeated runs, by Welch's t interval of the difference of their logarithms.

    Welch 1947, "The generalization of 'Student's' problem"; freedom by Satterthwaite 1946. ``same``: the
    difference lies within ±margin, and the interval within twice that: two one-sided tests of 2.5 % (Schuirmann
    1987) reject so large a difference, not one of just the margin. ``faster``, ``slower``: the interval is on one
    side of 0 and the difference outside the margin. Raises TooFewRuns unless both have two positive runs at least.
    """
    return compare_samples(_sample(a), _sample(b), margin)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is left of repeated runs: their rate, standard deviation over mean, and how many they were."""

    rate: float
    spread: float
    runs: int


def compare_samples(a: Sample, b: Sample, margin: float = MARGIN) -> Comparison:
    """The same where the runs themselves aren't known any more."""
    if min(a.runs, b.runs) < 2 or min(a.rate, b.rate) <= 0:  # noqa: PLR2004 - a deviation needs two
        raise TooFewRuns("a comparison needs two runs with a rate above 0 on either side")
    middle = math.log(b.rate) - math.log(a.rate)
    half = _half_width(a, b)
    difference, low, high = (math.exp(each) - 1 for each in (middle, middle - half, middle + half))
    return Comparison(verdict_of(difference, low, high, margin), difference, low, high)


def _sample(rates: Sequence[float]) -> Sample:
    """By the logarithms of the rates, whose deviation is relative."""
    if len(rates) < 2 or min(rates) <= 0:  # noqa: PLR2004 - as above
        return Sample(0.0, 0.0, 0)
    logs = [math.log(each) for each in rates]
    return Sample(math.exp(fmean(logs)), stdev(logs), len(rates))


def _half_width(a: Sample, b: Sample) -> float:
    """By Welch and Satterthwaite."""
    parts = [(max(each.spread, _LEAST_DEVIATION) ** 2 / each.runs, each.runs - 1) for each in (a, b)]
    total = sum(part for part, _ in parts)
    freedom = total**2 / sum(part**2 / count for part, count in parts)
    return t95(math.floor(freedom)) * math.sqrt(total)


def verdict_of(difference: float, low: float, high: float, margin: float = MARGIN) -> Verdict:
    """Of a relative difference and its interval."""
    if low > 0 and difference > margin:
        return "faster"
    if high < 0 and difference < -margin:
        return "slower"
    return "same" if -margin <= difference <= margin and _holds(low, high, margin) else "cannot_tell"


def _holds(low: float, high: float, margin: float) -> bool:
    """Whether the interval allows no difference of twice the margin or more."""
    return low > -2 * margin and high < 2 * margin
