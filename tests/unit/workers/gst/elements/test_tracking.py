"""Object ids: an object keeps its own, and never takes another's."""

from hypothesis import given
from hypothesis import strategies as st

from workers.gst.elements.frame import Region
from workers.gst.elements.tracking import Tracker
from workers.networks.shapes import Box


def at(x: float, y: float = 0.4, label: str = "person") -> Region:
    return Region(Box(x, y, x + 0.1, y + 0.2), label, 1, 0.9)


@given(st.floats(-0.03, 0.03), st.integers(1, 4), st.integers(2, 6))
def test_an_object_that_moves_keeps_its_id(speed: float, interval: int, looks: int) -> None:
    tracker = Tracker(predict=True)
    for number in range(looks * interval):
        looked = number % interval == 0
        regions = tracker.update([at(0.45 + speed * number / interval)] if looked else [], looked=looked)
        assert [one.object_id for one in regions] == [1]
        assert (regions[0].confidence == 1.0) is not looked


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_the_order_of_detections_means_nothing(first: list[int], second: list[int]) -> None:
    tracker = Tracker(predict=False)
    before = {one.box: one.object_id for one in tracker.update([at(i * 0.19) for i in first])}
    after = {one.box: one.object_id for one in tracker.update([at(i * 0.19) for i in second])}
    assert before == after
    assert sorted(one for one in before.values() if one is not None) == [1, 2, 3, 4, 5]


def test_labels_are_not_mixed() -> None:
    tracker = Tracker(predict=False)
    (person,) = tracker.update([at(0.2)])
    (car,) = tracker.update([at(0.2, label="car")])
    assert person.object_id != car.object_id


def test_zero_term_says_nothing_of_frames_without_detections() -> None:
    tracker = Tracker(predict=False)
    tracker.update([at(0.2)])
    assert tracker.update([], looked=False) == ()
    assert tracker.update([at(0.21)])[0].object_id == 1


def test_what_was_looked_for_in_vain_is_not_told() -> None:
    tracker = Tracker(predict=True)
    tracker.update([at(0.2)])
    assert tracker.update([], looked=True) == ()
    assert tracker.update([at(0.2)])[0].object_id == 1


def test_what_is_gone_for_long_is_new_when_it_comes_back() -> None:
    tracker = Tracker(predict=True, patience=3)
    tracker.update([at(0.2)])
    for _ in range(5):
        tracker.update([], looked=True)
    assert tracker.update([at(0.2)])[0].object_id == 2
