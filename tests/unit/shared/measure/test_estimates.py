"""Intervals and verdicts."""

import math
import random
from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import TooFewRuns
from shared.measure.compare import compare
from shared.measure.estimates import LEAST_RUNS, Noise, estimate, pooled, precise, t95
from shared.measure.steady import least_error, steady_from

RATES = st.lists(st.floats(1, 1_000), min_size=2, max_size=10)


@given(RATES)
def test_the_interval_holds_mean_and_median(values: list[float]) -> None:
    found = estimate(values)
    assert found.low <= min(found.median, sum(values) / len(values)) * (1 + 1e-9)
    assert found.high >= max(found.median, sum(values) / len(values)) * (1 - 1e-9)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    chance = random.Random(4)
    covered = 0
    for _ in range(1_000):
        found = estimate([chance.gauss(100, 5) for _ in range(5)])
        covered += found.low <= 100 <= found.high
    assert covered >= 930


def test_one_run_knows_nothing_of_itself() -> None:
    assert estimate([10.0]).low == -math.inf
    known = estimate([100.0], Noise(0.02, 30))
    assert (known.low, known.high) == pytest.approx((100 - 2 * 2.042, 100 + 2 * 2.042))


def test_no_run_is_no_figure() -> None:
    with pytest.raises(TooFewRuns):
        estimate([])
    with pytest.raises(TooFewRuns):
        compare([1.0], [1.0, 2.0])


def test_noise_is_pooled_relative_to_each_group() -> None:
    noise = pooled([[99.0, 101.0], [990.0, 1_010.0], [5.0]])
    assert noise is not None
    assert noise.freedom == 2
    assert noise.relative == pytest.approx(math.sqrt(4 * 0.01**2 / 2))
    assert pooled([[5.0], []]) is None


def test_quantiles_fall_to_the_normal_one() -> None:
    values = [t95(freedom) for freedom in range(1, 400)]
    assert values == sorted(values, reverse=True)
    assert t95(100_000) == pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-4)
    assert t95(60) == pytest.approx(2.0003, abs=1e-3)


def runs(chance: random.Random, rate: float, count: int = 5) -> list[float]:
    return [rate * math.exp(chance.gauss(0, 0.03)) for _ in range(count)]


def test_verdicts_on_noisy_runs() -> None:
    chance = random.Random(11)
    same = sum(compare(runs(chance, 100), runs(chance, 100)).verdict == "same" for _ in range(200))
    slower = sum(compare(runs(chance, 100), runs(chance, 80)).verdict == "slower" for _ in range(200))
    faster = sum(compare(runs(chance, 100), runs(chance, 125)).verdict == "faster" for _ in range(200))
    assert min(same, slower, faster) >= 190


@given(RATES, RATES)
def test_what_is_faster_one_way_is_slower_the_other(a: list[float], b: list[float]) -> None:
    there, back = compare(a, b), compare(b, a)
    assert (1 + there.difference) * (1 + back.difference) == pytest.approx(1)
    if there.low > 0.5:
        assert (there.verdict, back.verdict) == ("faster", "slower")


def test_wild_runs_say_nothing() -> None:
    assert compare([50.0, 150.0, 90.0], [60.0, 160.0, 80.0]).verdict == "cannot_tell"


def until_precise(chance: random.Random, noise: float, precision: float) -> list[float]:
    found: list[float] = []
    while not precise(found, precision):
        found.append(100 * math.exp(chance.gauss(0, noise)))
    return found


def test_noisy_rates_take_more_runs() -> None:
    chance = random.Random(8)
    calm, noisy = ([until_precise(chance, noise, 0.06) for _ in range(300)] for noise in (0.01, 0.1))
    assert {len(each) for each in calm} == {LEAST_RUNS}
    assert 8 < sum(map(len, noisy)) / 300 < 14
    covered = sum(found.low <= 100 <= found.high for found in map(estimate, noisy))
    assert covered / 300 >= 0.88
    same = sum(compare(a, b).verdict == "same" for a, b in pairwise(noisy))
    slower = sum(compare(a, [0.8 * each for each in b]).verdict == "slower" for a, b in pairwise(noisy))
    assert min(same, slower) >= 0.95 * 299


@given(RATES, st.floats(0.001, 1))
def test_precise_runs_are_precise_at_any_scale(values: list[float], precision: float) -> None:
    assert precise(values, precision) == precise([8 * each for each in values], precision)
    assert not precise(values[: LEAST_RUNS - 1], precision)
    assert not precise([0.0] * 9, precision)


def test_the_start_is_cut_off() -> None:
    samples = [0.0, 3.0, 12.0, *[30.0, 29.5, 30.5, 30.2] * 5]
    assert steady_from(samples) == 3
    assert steady_from(samples, warm_up=5) >= 5
    assert steady_from([30.0] * 10) == 0
    assert steady_from([1.0, 2.0], warm_up=9) == 2


def test_noise_is_not_taken_for_a_start() -> None:
    chance = random.Random(3)
    runs_of_noise = [[chance.gauss(100, 8) for _ in range(8)] for _ in range(300)]
    assert sum(steady_from(samples) > 0 for samples in runs_of_noise) <= 15
    assert sum(least_error(samples) > 0 for samples in runs_of_noise) >= 100


@given(st.lists(st.floats(95, 105), min_size=8, max_size=40), st.integers(1, 3), st.floats(0, 60))
def test_a_real_start_is_cut_off(steady: list[float], length: int, rate: float) -> None:
    assert steady_from([rate] * length + steady) >= length
