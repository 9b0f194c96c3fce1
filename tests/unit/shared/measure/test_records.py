"""Records of pipelines as boxes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.measure.matching import Agreement, Box
from shared.measure.records import agreement, boxes, frames_of, labels_of, record_of

PERSON = {
    "x": 10,
    "y": 20,
    "w": 30,
    "h": 40,
    "roi_type": "person",
    "detection": {"label": "person", "confidence": 0.9},
    "hat": {"label": "red", "model": {"name": "hats"}},
}


def line(at: int | None, *objects: dict[str, object]) -> str:
    time = {} if at is None else {"timestamp": at}
    return json.dumps({"resolution": {"width": 100, "height": 100}, **time, "objects": list(objects)})


def test_what_classifiers_say_is_a_part_of_what_an_object_is() -> None:
    record = record_of(line(0, PERSON))
    assert boxes(record) == [Box("person hat=red", 10, 20, 40, 60)]
    assert labels_of(record) == {"person": 1, "red": 1}


def test_records_of_one_time_are_one_frame_and_without_a_time_each_is_its_own() -> None:
    assert {at: len(found) for at, found in frames_of([line(7, PERSON), line(7, PERSON), line(9)]).items()} == {
        7: 2,
        9: 0,
    }
    assert list(frames_of([line(None), line(None)])) == [0, 1]


def test_frames_that_one_lacks_have_no_objects_there_and_late_ones_do_not_count() -> None:
    both = frames_of([line(0, PERSON), line(10, PERSON)])
    first = frames_of([line(0, PERSON)])
    assert agreement(both, first) == Agreement(1, 1, 0)
    assert agreement(first, both) == Agreement(1, 0, 1)
    assert agreement(both, first, until=9) == Agreement(1, 0, 0)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"objects": 1}', '{"objects": [1]}', '{"objects": [{"x": 1}]}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="record"):
        record_of(text)


@given(st.lists(st.integers(0, 20), max_size=8))
def test_a_run_agrees_with_itself(times: list[int]) -> None:
    frames = frames_of([line(at, PERSON) for at in times])
    assert agreement(frames, frames).f1 == 1.0
