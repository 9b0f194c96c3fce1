"""Halving, the best in several senses, and whether the same objects were found."""

from hypothesis import given
from hypothesis import strategies as st

from shared.measure.halving import pareto, rounds
from shared.measure.matching import Agreement, Box, agree, iou


def test_the_best_and_the_first_stay_to_the_end() -> None:
    scores = {name: float(value) for name, value in zip("abcdefgh", [3, 1, 4, 1, 5, 9, 2, 6], strict=True)}
    seen = list(rounds(list(scores), 240.0, 5.0, scores.__getitem__))
    assert seen[0].candidates == tuple("abcdefgh")
    assert set(seen[-1].candidates) == {"a", "f"}
    assert [len(each.candidates) for each in seen] == [8, 4, 2]
    assert sum(each.sample_s * len(each.candidates) for each in seen) == 240.0


@given(count=st.integers(1, 40), budget=st.floats(1, 1_000), least=st.floats(0.5, 20))
def test_rounds_keep_their_budget(count: int, budget: float, least: float) -> None:
    seen = list(rounds(list(range(count)), budget, least, float))
    assert sum(each.sample_s * len(each.candidates) for each in seen) <= budget * 1.001
    assert all(0 in each.candidates for each in seen)


POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(POINTS)
def test_nothing_beats_the_pareto_set(points: list[tuple[int, int]]) -> None:
    best = pareto(points)
    assert best
    for place in best:
        x, y = points[place]
        assert not any((a > x and b >= y) or (a >= x and b > y) for a, b in points)


def test_boxes_are_paired_once() -> None:
    person = Box("person", 0, 0, 10, 10)
    shifted = Box("person", 1, 0, 11, 10)
    far = Box("person", 50, 50, 60, 60)
    assert iou(person, shifted) == 9 / 11
    assert agree([person, far], [shifted]) == Agreement(1, 1, 0)
    assert agree([person], [shifted, person]) == Agreement(1, 0, 1)
    assert agree([person], [Box("car", 0, 0, 10, 10)]) == Agreement(0, 1, 1)
    assert (Agreement(1, 0, 0) + Agreement(1, 1, 1)).f1 == 2 / 3
    assert agree([], []).f1 == 1.0
