"""Runs of a real pipeline on a noisy machine, as they were recorded.

Decoding and scaling to 1280x720 on a virtual machine of two cores; 4 s each after 1 s of warm-up, frames a second of
every half second. The slower one has a pause of 20 % of a frame's time on the thread that scales. Runs during which
other programs used 10 % of the processors or more are left out; the host took under 1 %. What makes the rest differ is
the processor time that a frame takes (its correlation with the rate is -0.98), not the clock or who else ran: fixed
work before and after a run tells nothing of its rate (within 0.2 of none), beside it little (0.45 at most).
"""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.measure.estimates import precise

Samples = Sequence[float]

_RECORDED: dict[str, list[list[float]]] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
BASE: Sequence[Samples] = _RECORDED["base"]
SLOWER: Sequence[Samples] = _RECORDED["slower"]


Cut = Callable[[Samples], int]
"""Where the steady part of a run begins."""


def rates(runs: Sequence[Samples], cut: Cut) -> list[float]:
    """Of each run, over its steady part."""
    return [sum(part) / len(part) for part in (samples[cut(samples) :] for samples in runs)]


def drawn_test(
    pool: Sequence[float], chance: random.Random, least: int, most: int, precision: float | None = None
) -> list[float]:
    """Runs of one test, drawn anew: ``least``, and on to ``most`` until they are precise."""
    drawn = chance.choices(pool, k=least)
    while precision is not None and len(drawn) < most and not precise(drawn, precision):
        drawn.append(chance.choice(pool))
    return drawn
