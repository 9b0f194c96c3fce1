"""Boxes told from anchors or maps, points with them, lines of text, and outputs read by several recipes."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.networks.decoders import anchors, boxes, heatmap, lines, yolo
from workers.networks.decoders.points import marked
from workers.networks.placing import Fit
from workers.networks.reading import reader_of
from workers.networks.recipe import Marks, from_model_proc
from workers.networks.shapes import Box

SHORT = ((128, 128), (8, 16, 16, 16), True, 896)
FULL = ((192, 192), (4,), False, 2304)
POSE = ((224, 224), (8, 16, 32, 32, 32), True, 2254)


@pytest.mark.parametrize(("size", "strides", "interpolated", "count"), [SHORT, FULL, POSE])
def test_there_are_as_many_anchors_as_rows(
    size: tuple[int, int], strides: tuple[int, ...], interpolated: bool, count: int
) -> None:
    places = anchors.centres(*size, strides, interpolated)
    assert places.shape == (count, 2)
    assert 0 < places.min() < places.max() < 1
    first = strides[0] / size[0] / 2
    assert places[0].tolist() == pytest.approx([first, first])


@given(st.integers(0, 895), st.floats(-20, 20), st.floats(-20, 20), st.floats(4, 60), st.floats(4, 60))
def test_a_box_is_where_its_anchor_and_row_say(
    number: int, x: float, y: float, width: float, height: float
) -> None:
    size, strides, interpolated, count = SHORT
    places = anchors.centres(*size, strides, interpolated)
    rows, logits = np.zeros((1, count, 16), np.float32), np.full((1, count, 1), -50, np.float32)
    rows[0, number, :8] = x, y, width, height, x + 1, y + 2, x, y
    logits[0, number] = 3
    [one] = anchors.boxes({"rows": rows, "logits": logits}, 0.5, size, places)
    centre = places[number] + np.array([x, y]) / 128
    middle = [(one.box.x_min + one.box.x_max) / 2, (one.box.y_min + one.box.y_max) / 2]
    assert middle == pytest.approx(centre.tolist(), abs=1e-4)
    assert one.box.x_max - one.box.x_min == pytest.approx(width / 128, abs=1e-4)
    assert one.confidence == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-6)
    assert one.points is not None
    assert one.points[0].tolist() == pytest.approx((centre + np.array([1, 2]) / 128).tolist(), abs=1e-4)


def test_of_rows_that_mean_one_face_the_surest_stays() -> None:
    size, strides, interpolated, count = FULL
    places = anchors.centres(*size, strides, interpolated)
    rows, logits = np.zeros((1, count, 16), np.float32), np.full((1, count, 1), -5, np.float32)
    rows[0, :, 2:4] = 40
    logits[0, [100, 101], 0] = 1, 2
    [one] = anchors.boxes({"rows": rows, "logits": logits}, 0.5, size, places)
    assert one.confidence == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    with pytest.raises(ValueError, match="2304 rows of boxes, but 256 anchors"):
        anchors.boxes({"rows": rows, "logits": logits}, 0.5, size, anchors.centres(128, 128, (8,), interpolated))


@given(st.integers(0, 19), st.integers(0, 29))
def test_a_face_stands_where_the_map_is_hot(row: int, column: int) -> None:
    heat, sizes, shifts = np.zeros((1, 1, 20, 30)), np.zeros((1, 2, 20, 30)), np.zeros((1, 2, 20, 30))
    points = np.full((1, 10, 20, 30), 0.5)
    heat[0, 0, row, column] = 0.9
    sizes[0, :, row, column] = np.log([6, 4])  # height, then width, in steps of four pixels
    found = heatmap.centre_faces({"a": heat, "b": sizes, "c": shifts, "d": points}, 0.5, 120, 80)
    [one] = found
    assert (one.box.x_max - one.box.x_min) * 120 == pytest.approx(16)
    assert (one.box.y_max - one.box.y_min) * 80 == pytest.approx(24)
    assert one.points is not None
    assert one.points[0] * (120, 80) == pytest.approx([column * 4 + 2, row * 4 + 2])
    assert one.confidence == 0.9


@given(st.integers(-40, 40), st.integers(120, 180), st.integers(16, 30))
def test_a_line_of_text_comes_back_larger_by_what_was_shrunk(turn: int, width: int, height: int) -> None:
    likely = np.zeros((1, 1, 256, 320), np.float32)
    corners = cv2.boxPoints(((160.0, 128.0), (float(width), float(height)), float(turn)))
    cv2.fillPoly(likely[0, 0], [np.rint(corners).astype(np.int32)], 0.9)
    [one] = lines.text_lines({"map": likely}, 0.5)
    assert one.corners is not None
    pixels = one.corners * (320, 256)
    across, down = np.linalg.norm(pixels[1] - pixels[0]), np.linalg.norm(pixels[2] - pixels[1])
    more = width * height * 1.6 / (width + height)
    assert across == pytest.approx(width + more, abs=9)
    assert down == pytest.approx(height + more, abs=9)
    assert pixels.mean(axis=0) == pytest.approx([160, 128], abs=2)
    assert pixels[0][0] < pixels[1][0], "read from left to right"
    assert 0.5 < one.confidence <= 0.9 + 1e-6


def test_specks_and_faint_spots_are_no_text() -> None:
    likely = np.zeros((1, 1, 64, 64), np.float32)
    likely[0, 0, 10, 10] = 1
    likely[0, 0, 30:45, 10:60] = 0.4
    assert lines.text_lines({"map": likely}, 0.5) == []


def test_poses_of_yolo_with_and_without_overlaps_inside() -> None:
    row = [320, 160, 64, 32, 0.8, *(320, 160, 0.9), *(300, 150, 0.1)]
    v8 = np.zeros((1, len(row), 20), np.float32)
    v8[0, :, 3] = row
    v8[0, :, 4] = [321, 160, 64, 32, 0.7, *row[5:]]
    v10 = np.zeros((1, 5, 12), np.float32)
    v10[0, 2] = [288, 144, 352, 176, 0.8, 0, *row[5:]]
    for [one] in (yolo.v8_pose({"o": v8}, 0.5, 640, 320), yolo.v10({"o": v10}, 0.5, 640, 320)):
        assert (one.box.x_min, one.box.y_min) == pytest.approx((288 / 640, 144 / 320))
        assert one.points is not None
        assert one.points == pytest.approx(np.array([[0.5, 0.5, 0.9], [300 / 640, 150 / 320, 0.1]]))
    assert yolo.v10({"o": v10[:, :, :6]}, 0.5, 640, 320)[0].points is None


def test_boxes_whose_overlaps_are_gone() -> None:
    outputs = {
        "num_dets": np.array([[1]]),
        "det_boxes": np.array([[[0, 0, 320, 160], [0, 0, 1, 1]]], np.float32),
        "det_scores": np.array([[0.9, 0.8]], np.float32),
        "det_classes": np.array([[3, 4]]),
    }
    [one] = boxes.end_to_end(outputs, 0.5, 640, 320)
    assert (one.box, one.label_id) == (Box(0, 0, 0.5, 0.5), 3)


def test_points_are_fractions_and_logits_become_probabilities() -> None:
    outputs = {"points": np.array([[64, 32, 16, 2, 0], [0, 64, 0, -2, 0]], np.float32), "there": np.array([[0.0]])}
    points, score = marked(outputs, "points", Marks(columns=5, score_layer="there", logit=True), 128, 64)
    assert points[0, :3].tolist() == [0.5, 0.5, 0.125]
    assert points[:, 3].sum() == pytest.approx(1)
    assert score == 0.5
    bare, nothing = marked(outputs, "points", Marks(columns=5), 128, 64)
    assert (bare.shape, nothing) == ((2, 4), None)


@given(st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0.3, 1), st.floats(0.3, 1))
def test_points_come_back_as_boxes_do(x: float, y: float, width: float, height: float) -> None:
    fit = Fit(x, y, width, height)
    box = fit.back(Box(0.2, 0.3, 0.6, 0.7))
    back = fit.back_points(np.array([[0.2, 0.3, 9], [0.6, 0.7, 9]]))
    assert back[:, :2].ravel().tolist() == pytest.approx([box.x_min, box.y_min, box.x_max, box.y_max], abs=1e-5)
    assert back[:, 2].tolist() == [9, 9]


def test_each_output_is_read_by_its_own_recipe() -> None:
    proc = {
        "output_postproc": [
            {"converter": "label", "method": "max", "layer_name": "prob", "attribute_name": "gender"}
            | {"labels": ["female", "male"]},
            {"converter": "tensor_to_text", "layer_name": "age", "attribute_name": "age"}
            | {"tensor_to_text_scale": 100, "text_precision": 0},
        ]
    }
    reader = reader_of(from_model_proc(proc), "m", (62, 62), {"age": [1, 1], "prob": [1, 2]}, "gvaclassify")
    gender, age = reader.tensors({"age": np.array([[0.266]]), "prob": np.array([[0.1, 0.9]])})
    assert (gender.name, gender.label, gender.confidence) == ("gender", "male", pytest.approx(0.9))
    assert (age.name, age.label) == ("age", "27")
