"""Verdicts on what a noisy machine really measured."""

import random
from statistics import fmean, stdev

from shared.measure.compare import compare
from shared.measure.steady import least_error, steady_from
from tests.support.recorded_runs import BASE, SLOWER, drawn_test, rates

TRIES = 400


def test_verdicts_are_right_where_the_rate_is_known() -> None:
    chance = random.Random(21)
    base, slower = rates(BASE, steady_from), rates(SLOWER, steady_from)

    def test(pool: list[float]) -> list[float]:
        return drawn_test(pool, chance, 5, 20, 0.06)

    same = sum(compare(test(base), test(base)).verdict == "same" for _ in range(TRIES))
    told = [compare(test(base), test(slower)).verdict for _ in range(TRIES)]
    assert same >= 0.95 * TRIES
    assert told.count("slower") >= 0.99 * TRIES
    assert not {"same", "faster"} & set(told)


def test_a_rate_that_keeps_the_noise_is_steadier_than_one_that_picks_a_calm_part() -> None:
    kept, picked = (rates(BASE, cut) for cut in (steady_from, least_error))
    assert stdev(kept) / fmean(kept) < 0.9 * stdev(picked) / fmean(picked)
