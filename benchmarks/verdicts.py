"""How often verdicts are right, by the way of measuring. Needs no pipeline and no quiet machine.

Runs are drawn again and again from those recorded on a noisy machine, and from generated ones. Drawn runs are
independent, real ones not quite (neighbours' correlation is 0.2): what is found here is the best to hope for.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from shared.measure.compare import compare
from shared.measure.steady import least_error, steady_from
from tests.support.recorded_runs import BASE, SLOWER, Cut, Samples, drawn_test, rates

TRIES = 1_000
_GENERATED = 300
_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class Way:
    """Of measuring: which part of a run counts, and how many runs are made."""

    name: str
    cut: Cut
    least: int
    most: int
    precision: float | None = None


WAYS = (
    Way("calmest part, 5 runs", least_error, 5, 5),
    Way("all but a start, 5 runs", steady_from, 5, 5),
    Way("all but a start, 8 runs", steady_from, 8, 8),
    Way("all but a start, to 6 %", steady_from, 5, 20, 0.06),
    Way("all but a start, to 4 %", steady_from, 5, 40, 0.04),
)


def generated(rate: float, chance: random.Random, process: float, second: float) -> list[Samples]:
    """Runs that differ by ``process``, and whose half seconds differ by ``second``; relative."""
    runs = [rate * math.exp(chance.gauss(0, process)) for _ in range(_GENERATED)]
    return [[run * math.exp(chance.gauss(0, second)) for _ in range(_SAMPLES)] for run in runs]


def judged(
    way: Way, a: Sequence[Samples], b: Sequence[Samples], chance: random.Random
) -> tuple[Counter[str], float]:
    """Verdicts of tests of ``b`` against tests of ``a``, and how many runs a test took."""
    pools = [rates(pool, way.cut) for pool in (a, b)]
    verdicts, runs = Counter[str](), 0
    for _ in range(TRIES):
        first, second = (drawn_test(pool, chance, way.least, way.most, way.precision) for pool in pools)
        verdicts[compare(first, second).verdict] += 1
        runs += len(first) + len(second)
    return verdicts, runs / 2 / TRIES


def table(title: str, base: Sequence[Samples], slower: Sequence[Samples]) -> Table:
    """One row a way."""
    chance = random.Random(5)
    names = ("measured", "runs a test", "same: same", "same: faster, slower", "slower: slower", "slower: same")
    found = Table(*names, title=title, title_justify="left")
    for way in WAYS:
        alike, runs = judged(way, base, base, chance)
        apart, _ = judged(way, base, slower, chance)
        counts = (alike["same"], alike["faster"] + alike["slower"], apart["slower"], apart["same"])
        found.add_row(way.name, f"{runs:.1f}", *(f"{count / TRIES:.1%}" for count in counts))
    return found


def main() -> None:
    """Print the tables."""
    console, chance = Console(width=120), random.Random(6)
    console.print(table("Recorded on a noisy machine", BASE, SLOWER))
    for process, second in ((0.01, 0.02), (0.05, 0.08), (0.12, 0.1)):
        pools = [generated(rate, chance, process, second) for rate in (100, 100 / 1.2)]
        console.print(table(f"Generated: runs differ by {process:.0%}, half seconds by {second:.0%}", *pools))


if __name__ == "__main__":
    main()
