"""Decoders: what is put into tensors comes out again."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.networks.decoders import boxes, labels, yolo
from workers.networks.decoders.overlap import suppressed
from workers.networks.shapes import Box, Detection

SIZE = 320
Found = tuple[tuple[float, float, float, float], int, float]


@st.composite
def objects(draw: st.DrawFn) -> list[Found]:
    """Up to 16 objects in cells of their own, so that none overlaps another."""
    cells = draw(st.lists(st.integers(0, 15), unique=True, max_size=16))
    made: list[Found] = []
    for cell in cells:
        x, y = cell % 4 * 0.25, cell // 4 * 0.25
        w, h = draw(st.floats(0.05, 0.2)), draw(st.floats(0.05, 0.2))
        made.append(((x, y, x + w, y + h), draw(st.integers(0, 2)), draw(st.floats(0.01, 0.99))))
    return made


def check(found: list[Detection], expected: list[Found], threshold: float, *, sort: bool = False) -> None:
    wanted = [one for one in expected if np.float32(one[2]) >= np.float32(threshold)]
    if sort:
        wanted.sort(key=lambda one: np.float32(one[2]), reverse=True)
    assert [one.label_id for one in found] == [label for _, label, _ in wanted]
    assert [one.confidence for one in found] == pytest.approx([sure for _, _, sure in wanted], abs=1e-5)
    for one, (box, _, _) in zip(found, wanted, strict=True):
        assert (one.box.x_min, one.box.y_min, one.box.x_max, one.box.y_max) == pytest.approx(box, abs=1e-4)


def centred(box: tuple[float, float, float, float]) -> list[float]:
    x_min, y_min, x_max, y_max = (side * SIZE for side in box)
    return [(x_min + x_max) / 2, (y_min + y_max) / 2, x_max - x_min, y_max - y_min]


def array(rows: list[list[float]], width: int) -> np.ndarray[Any, Any]:
    return np.array(rows, np.float32).reshape(-1, width)


@given(objects(), st.floats(0.1, 0.9))
def test_ssd(expected: list[Found], threshold: float) -> None:
    rows = [[0, label, sure, *box] for box, label, sure in expected]
    table = array([*rows, [-1, 1, 1, 0, 0, 1, 1], [0, 1, 1, 0, 0, 1, 1]], 7)[None, None]
    check(boxes.ssd({"out": table}, threshold), expected, threshold)


@given(objects(), st.floats(0.1, 0.9))
def test_tensorflow(expected: list[Found], threshold: float) -> None:
    count = len(expected)
    corners = [[box[1], box[0], box[3], box[2]] for box, _, _ in expected] + [[0.0, 0.0, 1.0, 1.0]]
    outputs = {
        "detection_boxes:0": array(corners, 4)[None],
        "detection_classes:0": np.array([[*(label for _, label, _ in expected), 1]], np.float32),
        "detection_scores:0": np.array([[*(sure for _, _, sure in expected), 1.0]], np.float32),
        "num_detections:0": np.array([count], np.float32),
    }
    check(boxes.tensorflow(outputs, threshold), expected, threshold)


@given(objects(), st.floats(0.1, 0.9))
def test_boxes_and_labels(expected: list[Found], threshold: float) -> None:
    rows = [[*(side * SIZE for side in box), sure] for box, _, sure in expected]
    outputs = {"boxes": array(rows, 5), "labels": np.array([label for _, label, _ in expected], np.int64)}
    check(boxes.boxes_labels(outputs, threshold, SIZE, SIZE), expected, threshold)


@given(objects(), st.floats(0.1, 0.9))
def test_yolo_v5(expected: list[Found], threshold: float) -> None:
    rows = [[*centred(box), 1.0, *(sure if label == i else 0 for i in range(3))] for box, label, sure in expected]
    found = yolo.v5({"output": array(rows, 8)[None]}, threshold, SIZE, SIZE)
    check(found, expected, threshold, sort=True)


@given(objects(), st.floats(0.1, 0.9))
def test_yolo_v8(expected: list[Found], threshold: float) -> None:
    rows = [[*centred(box), *(sure if label == i else 0 for i in range(3))] for box, label, sure in expected]
    found = yolo.v8({"output0": array(rows, 7).T[None]}, threshold, SIZE, SIZE)
    check(found, expected, threshold, sort=True)


@given(objects(), st.floats(0.1, 0.9))
def test_yolo_v10(expected: list[Found], threshold: float) -> None:
    rows = [[*(side * SIZE for side in box), sure, label] for box, label, sure in expected]
    check(yolo.v10({"output0": array(rows, 6)[None]}, threshold, SIZE, SIZE), expected, threshold)


@given(
    st.lists(st.tuples(*[st.floats(0, 0.7)] * 2, st.floats(0.05, 0.3), st.floats(0.05, 0.3)), max_size=20),
    st.data(),
)
def test_what_stays_overlaps_little_and_what_goes_overlapped(places: Any, data: st.DataObject) -> None:
    corners = np.array([[x, y, x + w, y + h] for x, y, w, h in places], np.float64).reshape(-1, 4)
    scores = np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(places), max_size=len(places))))
    kept = suppressed(corners, scores, 0.5)
    shapes = [Box(*corner) for corner in corners.tolist()]
    assert [scores[i] for i in kept] == sorted((scores[i] for i in kept), reverse=True)
    for i in kept:
        assert all(shapes[i].overlap(shapes[k]) <= 0.5 + 1e-9 for k in kept if k != i)
    for i in set(range(len(places))) - set(kept):
        assert any(shapes[i].overlap(shapes[k]) > 0.5 - 1e-9 and scores[k] >= scores[i] for k in kept)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20))
def test_softmax_is_a_distribution_in_the_same_order(values: list[float]) -> None:
    given_values = np.array(values, np.float32)
    made = labels.softmax(given_values)
    assert made.sum() == pytest.approx(1, abs=1e-5)
    assert made[given_values.argmax()] == made.max()
    read = labels.classified(given_values, [f"l{i}" for i in range(len(values))])
    assert read.label_id is not None
    assert made[read.label_id] == made.max()
    assert read.label == f"l{read.label_id}"
    assert read.confidence == pytest.approx(float(made.max()))


def test_several_labels() -> None:
    values = np.array([0.9, 0.2, 0.7], np.float32)
    assert labels.classified(values, ["a", "b", "c"], "multi").label == "a c"
    assert labels.classified(values, ["a", "no a", "b", "no b", "c", "no c"], "compound").label == "a no b c"
    assert labels.classified(np.array([1, 0, 2, -1, 0.0]), ["x", "y", "z"], "index").label == "yxz"


@given(st.text("abc", max_size=12), st.data())
def test_ctc_reads_what_was_written(text: str, data: st.DataObject) -> None:
    """Whatever the repeats, and with blanks where they are needed or not."""
    steps: list[int] = []
    for character in text:
        index = "-abc".index(character)
        needed = 1 if steps and steps[-1] == index else 0
        steps += [0] * data.draw(st.integers(needed, 2)) + [index] * data.draw(st.integers(1, 3))
    steps += [0] * data.draw(st.integers(1, 2))
    values = np.full((1, len(steps), 4), 0.01, np.float32)
    values[0, np.arange(len(steps)), steps] = 0.97
    read = labels.ctc(values, ["", "a", "b", "c"])
    assert read.label == text
    assert read.confidence == pytest.approx(0.97 if text else 0, abs=1e-3)


def test_raw_outputs_are_copies() -> None:
    values = np.ones((1, 3), np.float32)
    (tensor,) = labels.raw({"layer": values}, "m")
    values[:] = 0
    assert tensor.floats() == [1, 1, 1]
