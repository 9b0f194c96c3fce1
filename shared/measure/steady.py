"""Which part of a run counts."""

from collections.abc import Sequence

MINIMUM = 4
"""Samples below which nothing is cut off."""


def steady_from(samples: Sequence[float], warm_up: int = 0) -> int:
    """Index of the first sample of the steady part: at least ``warm_up``, at most half of what follows it later.

    The marginal standard error rule (White 1997, "An effective truncation heuristic for bias reduction in
    simulation output"): the cut that makes the standard error of the rest's mean least.
    """
    rest = samples[warm_up:]
    if len(rest) < MINIMUM:
        return min(warm_up, len(samples))
    errors = [_error(rest[cut:]) for cut in range(len(rest) // 2 + 1)]
    return warm_up + errors.index(min(errors))


def _error(samples: Sequence[float]) -> float:
    """Sum of squares around the mean over the squared count."""
    mean = sum(samples) / len(samples)
    return sum((sample - mean) ** 2 for sample in samples) / len(samples) ** 2
