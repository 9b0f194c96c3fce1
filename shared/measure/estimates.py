"""Repeated measurements as one figure with an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from shared.errors import TooFewRuns

_T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom."""


def t95(freedom: int) -> float:
    """Two-sided 95 % quantile of Student's t; at most 0.1 % too large above 30 degrees of freedom.

    Above 30 by Fisher's expansion (Abramowitz & Stegun 26.7.5) from the normal quantile.
    """
    if freedom <= len(_T95):
        return _T95[max(freedom, 1) - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


LEAST_RUNS = 5
"""Before as many, agreement of runs is too often chance to stop by."""


def precise(values: Sequence[float], precision: float) -> bool:
    """Whether no further run is needed: half of the 95 % interval of the rate is ``precision`` of it, or less.

    The sequential rule of Chow and Robbins 1965, "On the asymptotic theory of fixed-width sequential confidence
    intervals for the mean", of logarithms, so that the width is relative. Who stops by it has intervals that hold
    the truth a little less often than they say: about 92 times in 100 where the rule stops at 5 to 12 runs.
    """
    if len(values) < LEAST_RUNS or min(values) <= 0:
        return False
    return t95(len(values) - 1) * stdev(map(math.log, values)) / math.sqrt(len(values)) <= precision


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure from ``runs`` repeats: the median, and the 95 % interval of the mean widened to hold the median.

    ``spread``: the standard deviation of the runs over their mean.
    """

    median: float
    low: float
    high: float
    spread: float
    runs: int


@dataclass(frozen=True, slots=True)
class Noise:
    """How far repeats of one measurement differ, learned from several: relative deviation, degrees of freedom."""

    relative: float
    freedom: int


def pooled(groups: Sequence[Sequence[float]]) -> Noise | None:
    """The common relative deviation of groups of repeats; None where none was repeated.

    Noise of a rate grows with the rate, so deviations are pooled relative to each group's mean.
    """
    total, freedom = 0.0, 0
    for group in groups:
        mean = fmean(group) if group else 0.0
        if len(group) > 1 and mean > 0:
            total += sum((value / mean - 1) ** 2 for value in group)
            freedom += len(group) - 1
    return Noise(math.sqrt(total / freedom), freedom) if freedom else None


def estimate(values: Sequence[float], noise: Noise | None = None) -> Estimate:
    """The figure of repeated runs; ``noise`` known from elsewhere takes the place of their own deviation.

    One run without known noise has an endless interval. Raises TooFewRuns for none.
    """
    if not values:
        raise TooFewRuns("no run was measured")
    mean, middle = fmean(values), median(values)
    own = stdev(values) / mean if len(values) > 1 and mean > 0 else 0.0
    known = noise or (Noise(own, len(values) - 1) if len(values) > 1 else None)
    if known is None:
        return Estimate(middle, -math.inf, math.inf, 0.0, len(values))
    half = t95(known.freedom) * known.relative * mean / math.sqrt(len(values))
    return Estimate(middle, min(mean - half, middle), max(mean + half, middle), own, len(values))
