"""Successive halving: many candidates measured shortly, the better half again for longer, until few are left.

Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization".
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Candidate = TypeVar("Candidate")


@dataclass(frozen=True, slots=True)
class Round(Generic[Candidate]):
    """Measure each of these for so long."""

    number: int
    candidates: tuple[Candidate, ...]
    sample_s: float


def rounds(
    candidates: Sequence[Candidate],
    budget_s: float,
    least_s: float,
    score: Callable[[Candidate], float],
    keep: int = 2,
) -> Iterator[Round[Candidate]]:
    """Rounds that share ``budget_s`` evenly; after each, ``score`` (higher is better) says who stays.

    The first candidate, what one started from, stays to the end: the gain is measured against it. Candidates that
    don't fit the budget at ``least_s`` each are left out from the end, so put the promising ones first.
    """
    most = next((size for size in range(len(candidates), 2, -1) if _fits(size, budget_s, least_s, keep)), 2)
    field = list(candidates[:most])
    count = _count(len(field), keep)
    share = budget_s / count
    for number in range(count):
        yield Round(number, tuple(field), share / len(field))
        if number + 1 == count:
            return
        kept = max(keep, math.ceil(len(field) / 2))
        rest = sorted(field[1:], key=score, reverse=True)[: max(kept - 1, 1)]
        field = [field[0], *rest]


def _count(candidates: int, keep: int) -> int:
    """Rounds until ``keep`` of so many are left."""
    return math.ceil(math.log2(max(candidates / keep, 1))) + 1


def _fits(candidates: int, budget_s: float, least_s: float, keep: int) -> bool:
    return candidates * least_s * _count(candidates, keep) <= budget_s


def pareto(points: Sequence[Sequence[float]]) -> list[int]:
    """Places of the points that no other is at least as good as in all and better in one; higher is better."""
    return [place for place, point in enumerate(points) if not any(_dominates(other, point) for other in points)]


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(
        a > b for a, b in zip(one, other, strict=True)
    )
