"""The search for the largest number of streams, against devices whose truth is known."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.measure.density import DensitySearch, Judgement, Rules, Run
from tests.support.simulated_device import SimulatedDevice, devices

MOST = 64


def searched(device: SimulatedDevice, rules: Rules) -> DensitySearch:
    search = DensitySearch(rules)
    while (streams := search.next()) is not None:
        search.add(device.measure(streams))
    return search


def test_the_truth_lies_in_the_answer_and_few_steps_lead_there() -> None:
    inside = within = 0
    for device, floor in devices(200, MOST):
        rules = Rules(floor, MOST)
        search = searched(device, rules)
        found, truth = search.found(), device.truth(floor, MOST)
        inside += found.streams <= truth <= found.at_most
        within += len(search.steps()) <= math.ceil(math.log2(max(truth, 1))) + 3
        assert max(Counter(device.asked).values()) <= rules.repeats
        assert abs(found.streams - truth) <= max(3, 0.1 * truth)
    assert inside >= 190
    assert within >= 190


@pytest.mark.parametrize("capacity", [7.5, 11.5])
def test_searches_on_a_noisy_device_agree(capacity: float) -> None:
    agreed = 0
    for seed in range(100):
        alike = [SimulatedDevice(3 * seed + each, capacity * 30, cores=2, drift=0.08) for each in range(3)]
        found = [searched(device, Rules(30, MOST, repeats=6)).found().streams for device in alike]
        agreed += max(found) - min(found) <= 1
    assert agreed >= 95


@given(
    seed=st.integers(0, 10_000),
    capacity=st.floats(1, 2_000),
    pace=st.none() | st.floats(5, 60),
    floor=st.floats(1, 60),
    most=st.integers(1, 200),
    repeats=st.integers(1, 5),
)
def test_it_ends_within_bounds_and_never_asks_for_a_known_number(
    seed: int, capacity: float, pace: float | None, floor: float, most: int, repeats: int
) -> None:
    device = SimulatedDevice(seed, capacity, pace, cores=2)
    search = searched(device, Rules(floor, most, repeats))
    assert all(1 <= streams <= most for streams in device.asked)
    assert max(Counter(device.asked).values()) <= repeats
    found = search.found()
    assert 0 <= found.streams <= found.at_most <= most
    assert found.bounded == (found.streams == most)
    by_streams = {step.streams: step for step in search.steps()}
    assert found.streams == 0 or by_streams[found.streams].judgement is Judgement.KEEPS
    assert found.bounded or not by_streams[found.streams + 1].passed


@given(seed=st.integers(0, 1_000), at=st.integers(0, 30))
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(seed: int, at: int) -> None:
    device = SimulatedDevice(seed, 333.0)
    rules = Rules(15.0, MOST)
    whole = DensitySearch(rules)
    runs: list[Run] = []
    while (streams := whole.next()) is not None:
        runs.append(device.measure(streams))
        whole.add(runs[-1])
    resumed = DensitySearch(rules, runs[:at])
    for run in runs[at:]:
        assert resumed.next() == run.streams
        resumed.add(run)
    assert resumed.found() == whole.found()


@given(
    seed=st.integers(0, 10_000),
    capacity=st.floats(1, 2_000),
    most=st.integers(1, 100),
    repeats=st.integers(1, 4),
    starts=st.integers(0, 100),
)
def test_numbers_that_can_not_be_run_bound_the_answer(
    seed: int, capacity: float, most: int, repeats: int, starts: int
) -> None:
    device = SimulatedDevice(seed, capacity, cores=2)
    search = DensitySearch(Rules(10.0, most, repeats))
    failed: list[int] = []
    while (streams := search.next()) is not None:
        if streams > starts:
            failed.append(streams)
            search.add(Run(streams, failed=True))
        else:
            search.add(device.measure(streams))
    found = search.found()
    assert len(failed) == len(set(failed)), "once is enough"
    assert found.streams <= found.at_most <= min([most, *(each - 1 for each in failed)])
    assert all(step.judgement is Judgement.MISSES for step in search.steps() if step.failed)
    asked = [*device.asked, *failed]
    assert len(set(asked)) <= 2 * math.ceil(math.log2(most + 1)) + 4


def test_not_even_one() -> None:
    search = searched(SimulatedDevice(1, capacity=5.0), Rules(30.0, MOST))
    assert search.found().streams == 0
    assert [step.streams for step in search.steps()] == [1]


def test_a_paced_source_far_from_the_limit_is_bounded() -> None:
    search = searched(SimulatedDevice(1, capacity=1e6, pace=30.0, drift=0.001), Rules(20.0, 10))
    assert search.found().bounded
    assert search.found().streams == 10


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_answer_was_measured_as_often_as_asked(repeats: int) -> None:
    device = SimulatedDevice(3, capacity=200.0)
    search = searched(device, Rules(10.0, MOST, repeats))
    assert Counter(device.asked)[search.found().streams] == repeats
