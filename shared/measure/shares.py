"""Streams divided among pipelines."""

import math
from collections.abc import Sequence


def divide(streams: int, rates: Sequence[float], *, least: int = 1) -> list[int]:
    """``streams`` by the largest remainder: non-negative whole numbers that sum to ``streams``.

    Each pipeline of a positive rate gets ``least`` while there are enough for all of them; equal remainders go to
    the earlier one. Raises ValueError where no rate is positive.
    """
    total = sum(rates)
    if streams < 0 or total <= 0 or min(rates) < 0:
        msg = f"can't divide {streams} streams by rates {list(rates)}"
        raise ValueError(msg)
    active = [place for place, rate in enumerate(rates) if rate > 0]
    floor = least if streams >= least * len(active) else 0
    shares = [0] * len(rates)
    exact = {place: streams * rates[place] / total for place in active}
    for place in active:
        shares[place] = max(math.floor(exact[place] + 1e-9), floor)
    _settle(shares, exact, streams, floor)
    return shares


def _settle(shares: list[int], exact: dict[int, float], streams: int, floor: int) -> None:
    """Give what is left to the largest remainders; take back from the smallest where the floor gave too much."""
    while (left := streams - sum(shares)) > 0:
        place = max(exact, key=lambda each: (exact[each] - shares[each], -each))
        shares[place] += 1
    while left < 0:
        place = min(
            (each for each in exact if shares[each] > floor), key=lambda each: (exact[each] - shares[each], each)
        )
        shares[place] -= 1
        left += 1
