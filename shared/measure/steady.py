"""Which part of a run counts."""

from collections.abc import Sequence
from statistics import fmean

MINIMUM = 4
"""Samples below which nothing is cut off."""

_SET_OFF = 2


def steady_from(samples: Sequence[float], warm_up: int = 0) -> int:
    """Index of the first sample of the steady part: at least ``warm_up``, at most half of what follows it later.

    By the marginal standard error rule (White 1997, "An effective truncation heuristic for bias reduction in
    simulation output"): the cut that makes the standard error of the rest's mean least. In few noisy samples the
    rule alone nearly always finds a part that looks calmer by chance, and throws away up to half of what was
    measured; so what is cut off must be set off: twice as far from all that stays as those samples are apart.
    """
    return least_error(samples, warm_up, _SET_OFF)


def least_error(samples: Sequence[float], warm_up: int = 0, set_off: float = 0.0) -> int:
    """The same for a start that is ``set_off`` times the range of the rest away from it; 0: any start."""
    rest = samples[warm_up:]
    if len(rest) < MINIMUM:
        return min(warm_up, len(samples))
    cuts = [cut for cut in range(len(rest) // 2 + 1) if not cut or _gap(rest, cut) >= set_off]
    return warm_up + min(cuts, key=lambda cut: _error(rest[cut:]))


def _gap(samples: Sequence[float], cut: int) -> float:
    """From the mean of what is cut off to the nearest of the rest, in ranges of the rest; 0 if it lies within."""
    start, rest = fmean(samples[:cut]), samples[cut:]
    least, most = min(rest), max(rest)
    away = max(least - start, start - most, 0.0)
    return away / max(most - least, 1e-9)


def _error(samples: Sequence[float]) -> float:
    """Sum of squares around the mean over the squared count."""
    mean = sum(samples) / len(samples)
    return sum((sample - mean) ** 2 for sample in samples) / len(samples) ** 2
