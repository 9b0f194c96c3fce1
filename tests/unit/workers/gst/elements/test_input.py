"""What a model is told about its input, and the frames that are put into it."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gst.elements.engine import item, parsed_config
from workers.gst.elements.pictures import Layout, picture
from workers.networks.placing import bilinear, placed
from workers.networks.reading import reader_of
from workers.networks.recipe import Recipe, from_model_proc, from_rt_info, recipe_of
from workers.networks.shapes import WHOLE, Box


def test_model_proc_in_dl_streamers_words(tmp_path: Path) -> None:
    proc = {
        "input_preproc": [
            {"format": "image_info"},
            {
                "format": "image",
                "params": {"color_space": "RGB", "range": [0, 1], "mean": [0.5] * 3, "std": [0.25] * 3},
            },
        ],
        "output_postproc": [{"converter": "tensor_to_bbox_ssd", "labels": ["a", "b"], "attribute_name": "kind"}],
    }
    recipe = from_model_proc(proc)
    assert recipe.rgb
    assert recipe.converter == "detection_output"
    assert recipe.labels == ("a", "b")
    assert recipe.mean == pytest.approx((127.5,) * 3)
    assert recipe.scale == pytest.approx((63.75,) * 3)
    path = tmp_path / "proc.json"
    path.write_text(json.dumps(proc))
    assert recipe_of(path, {"labels": "x y"}).labels == ("a", "b")
    assert recipe_of(path, {}, "c, d").labels == ("c", "d")


def test_rt_info_in_the_model_apis_words() -> None:
    recipe = from_rt_info(
        {
            "model_type": "YOLOv8",
            "labels": "hard_hat person",
            "resize_type": "fit_to_window_letterbox",
            "scale_values": "255.0",
        }
        | {"reverse_input_channels": "YES", "confidence_threshold": "0.3", "iou_threshold": "0.7"}
    )
    assert (recipe.converter, recipe.resize, recipe.rgb) == ("yolo_v8", "letterbox", True)
    assert (recipe.labels, recipe.scale, recipe.threshold, recipe.iou) == (
        ("hard hat", "person"),
        (255.0,),
        0.3,
        0.7,
    )


def test_an_unknown_way_to_resize_is_refused() -> None:
    with pytest.raises(ValueError, match="sideways"):
        from_rt_info({"resize_type": "sideways"})


@given(
    st.integers(1, 90), st.integers(1, 90), st.sampled_from(["stretch", "letterbox", "letterbox_corner", "crop"]),
)  # fmt: skip
def test_a_box_of_the_picture_is_found_again(width: int, height: int, resize: Any) -> None:
    """The picture's corners, taken to the input and back, are where they were."""
    target = np.zeros((32, 48, 3), np.uint8)
    fit = placed(target, np.full((height, width, 3), 200, np.uint8), Recipe(resize=resize))
    back = fit.back(Box(fit.x, fit.y, fit.x + fit.width, fit.y + fit.height))
    assert (back.x_min, back.y_min, back.x_max, back.y_max) == pytest.approx((0, 0, 1, 1))
    inside = target[round(max(fit.y, 0) * 32) : round(min(fit.y + fit.height, 1) * 32)]
    assert (inside[:, round(max(fit.x, 0) * 48)] == 200).all()
    assert (target == 200).all() or resize.startswith("letterbox")


@given(st.integers(2, 60), st.integers(2, 60), st.integers(2, 60), st.integers(2, 60))
def test_numpy_resizes_as_opencv_does(w: int, h: int, new_w: int, new_h: int) -> None:
    image = np.random.default_rng(w * h).integers(0, 256, (h, w, 3), dtype=np.uint8)
    ours, theirs = bilinear(image, new_w, new_h), cv2.resize(image, (new_w, new_h))
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 2


@pytest.mark.parametrize("layout", ["BGR", "RGB", "BGRx", "RGBA"])
def test_packed_frames_become_bgr(layout: str) -> None:
    channels = 3 if layout in {"BGR", "RGB"} else 4
    stride = 5 * channels + 3
    data = np.random.default_rng(1).integers(0, 256, stride * 4, dtype=np.uint8)
    rows = np.stack([data[y * stride : y * stride + 5 * channels].reshape(5, channels) for y in range(4)])
    expected = rows[:, :, :3] if layout.startswith("BGR") else rows[:, :, 2::-1]
    shown = picture(data, Layout(layout, 5, 4, (stride,), (0,)), rgb=False)
    assert np.array_equal(shown, expected)
    target = np.zeros((2, 2, 3), np.uint8)
    placed(target, shown, Recipe())
    assert np.array_equal(target, cv2.resize(np.ascontiguousarray(expected), (2, 2)))


def test_yuv_with_strides_of_its_own() -> None:
    width, height, stride = 6, 4, 16
    plain = np.random.default_rng(2).integers(16, 235, (height * 3 // 2, width), dtype=np.uint8)
    data = np.zeros(stride * (height + height // 2), np.uint8)
    for y in range(height):
        data[y * stride : y * stride + width] = plain[y]
    for y in range(height // 2):
        data[(height + y) * stride : (height + y) * stride + width] = plain[height + y]
    layout = Layout("NV12", width, height, (stride, stride), (0, stride * height))
    assert np.array_equal(picture(data, layout, rgb=False), cv2.cvtColor(plain, cv2.COLOR_YUV2BGR_NV12))


def test_items_of_a_batch() -> None:
    rows = np.zeros((1, 1, 4, 7), np.float32)
    rows[0, 0, :, 0] = [0, 1, 1, -1]
    scores = np.arange(6).reshape(2, 3)
    second = item({"rows": rows, "scores": scores}, 1, 2)
    assert second["rows"].shape == (1, 1, 2, 7)
    assert second["scores"].tolist() == [[3, 4, 5]]


def test_config_is_pairs() -> None:
    assert parsed_config("A=1, B=x=y") == {"A": "1", "B": "x=y"}
    with pytest.raises(ValueError, match="KEY=VALUE"):
        parsed_config("A")


@pytest.mark.parametrize(
    ("outputs", "converter"),
    [
        ({"out": [1, 1, 200, 7]}, "detection_output"),
        (
            {"detection_boxes:0": [1, 100, 4], "detection_classes:0": [1, 100], "detection_scores:0": [1, 100]},
            "tensorflow_boxes",
        ),
        ({"boxes": [100, 5], "labels": [100]}, "boxes_labels"),
        ({"output": [1, 25200, 85]}, "yolo_v5"),
        ({"output0": [1, 84, 8400]}, "yolo_v8"),
        ({"output0": [1, 300, 6]}, "yolo_v10"),
    ],
)
def test_a_detector_is_known_by_its_outputs(outputs: dict[str, list[int]], converter: str) -> None:
    assert reader_of(Recipe(), "m", (10, 10), outputs, "gvadetect").converter == converter


def test_a_classifier_is_no_detector() -> None:
    with pytest.raises(ValueError, match="boxes"):
        reader_of(Recipe(), "m", (10, 10), {"prob": [1, 10]}, "gvadetect")


@given(*[st.floats(0, 0.45)] * 2, *[st.floats(0.55, 1)] * 2)
def test_boxes_in_boxes(x_min: float, y_min: float, x_max: float, y_max: float) -> None:
    outer = Box(x_min, y_min, x_max, y_max)
    whole = WHOLE.within(outer)
    assert (whole.x_min, whole.y_min, whole.x_max, whole.y_max) == pytest.approx((x_min, y_min, x_max, y_max))
    assert outer.within(WHOLE) == outer
    assert outer.overlap(outer) == pytest.approx(1)
