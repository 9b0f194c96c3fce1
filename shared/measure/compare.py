"""Whether one result differs from another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
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

    ``same``: the difference lies within ±margin. ``faster``, ``slower``: the interval is on one side of 0 and the
    difference outside the margin. Raises TooFewRuns unless both have two positive runs at least.
    """
    if min(len(a), len(b)) < 2 or min(*a, *b) <= 0:  # noqa: PLR2004 - a deviation needs two
        raise TooFewRuns("a comparison needs two runs with a rate above 0 on either side")
    logs_a, logs_b = [math.log(each) for each in a], [math.log(each) for each in b]
    middle = fmean(logs_b) - fmean(logs_a)
    half = _half_width(logs_a, logs_b)
    difference, low, high = (math.exp(each) - 1 for each in (middle, middle - half, middle + half))
    return Comparison(_verdict(difference, low, high, margin), difference, low, high)


def _half_width(a: Sequence[float], b: Sequence[float]) -> float:
    """By Welch and Satterthwaite."""
    parts = [(max(variance(each), _LEAST_DEVIATION**2) / len(each), len(each) - 1) for each in (a, b)]
    total = sum(part for part, _ in parts)
    freedom = total**2 / sum(part**2 / count for part, count in parts)
    return t95(math.floor(freedom)) * math.sqrt(total)


def _verdict(difference: float, low: float, high: float, margin: float) -> Verdict:
    if low > 0 and difference > margin:
        return "faster"
    if high < 0 and difference < -margin:
        return "slower"
    return "same" if -margin <= difference <= margin and _holds(low, high, margin) else "cannot_tell"


def _holds(low: float, high: float, margin: float) -> bool:
    """Whether the interval allows no difference of twice the margin or more."""
    return low > -2 * margin and high < 2 * margin
