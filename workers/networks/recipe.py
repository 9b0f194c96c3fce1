"""How a model wants its input and how its output is read: from a model-proc file or the model's rt_info."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

Method = Literal["max", "softmax", "compound", "multi", "softmax_multi", "index"]
Resize = Literal["stretch", "letterbox", "letterbox_corner", "crop"]

_RESIZES: dict[str, Resize] = {
    "no": "stretch",
    "no-aspect-ratio": "stretch",
    "standard": "stretch",
    "aspect-ratio": "letterbox",
    "fit_to_window": "letterbox_corner",
    "fit_to_window_letterbox": "letterbox",
    "aspect-ratio-left": "letterbox_corner",
    "crop": "crop",
}
_ALIASES = {
    "tensor_to_bbox_ssd": "detection_output",
    "ssd": "detection_output",
    "tensor_to_label": "label",
    "classification": "label",
    "tensor_to_text": "number",
    "text": "number",
    "paddle_ocr": "ctc",
    "paddle_ocr_ctc": "ctc",
    "paddleocr": "ctc",
    "yolov5": "yolo_v5",
    "yolo_v5": "yolo_v5",
    "yolov7": "yolo_v5",
    "yolo_v7": "yolo_v5",
    "yolo": "yolo_v8",
    "yolov8": "yolo_v8",
    "yolov9": "yolo_v8",
    "yolo_v9": "yolo_v8",
    "yolov11": "yolo_v8",
    "yolo_v11": "yolo_v8",
    "yolo11": "yolo_v8",
    "yolov10": "yolo_v10",
    "yolo26": "yolo_v10",
    "yolo_v26": "yolo_v10",
    "yolov8_pose": "yolo_v8_pose",
    "yolo11_pose": "yolo_v8_pose",
    "yolo26_pose": "yolo_v10",
    "tf_detection": "tensorflow_boxes",
    "raw_data_copy": "raw",
}


@dataclass(frozen=True, slots=True)
class Marks:
    """How a layer says where points are: rows of ``columns`` numbers, x and y (and z) in pixels of the input.

    With five columns the last two are how likely the point is seen and there, as logits. ``score_layer`` says how
    likely the thing is there at all: as a probability, or as a logit.
    """

    columns: int = 3
    score_layer: str | None = None
    logit: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """``scale`` divides and ``mean`` is taken away first, per channel in the model's order; ``rgb`` turns BGR.

    ``shape``: width and height where the model leaves them open. ``converter``: None if nothing says it.
    ``strides`` and ``interpolated``: of the grids of anchors that boxes are told from. ``text_scale`` and
    ``digits``: how a number becomes text. ``others``: how further outputs are read.
    """

    resize: Resize = "stretch"
    rgb: bool = False
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    pad: float = 114.0
    shape: tuple[int, int] | None = None
    converter: str | None = None
    method: Method = "softmax"
    attribute: str | None = None
    layer: str | None = None
    threshold: float | None = None
    iou: float | None = None
    blank: int = 0
    labels: tuple[str, ...] = ()
    strides: tuple[int, ...] = ()
    interpolated: bool = True
    text_scale: float = 1.0
    digits: int = 2
    marks: Marks | None = None
    others: tuple["Recipe", ...] = ()


def recipe_of(model_proc: Path | None, rt_info: Mapping[str, str], labels: str = "") -> Recipe:
    """The same from a file; labels of the element win: a file with one a line, or ``A,B,C``."""
    proc = None if model_proc is None else json.loads(model_proc.read_text("utf-8"))
    recipe = told(proc, rt_info)
    return replace(recipe, labels=read_labels(labels)) if labels else recipe


def told(proc: Mapping[str, Any] | None, rt_info: Mapping[str, str]) -> Recipe:
    """From a model-proc, or else from rt_info (``model_info``); labels from either. Raises ValueError."""
    recipe = from_rt_info(rt_info)
    if proc is None:
        return recipe
    given = from_model_proc(proc)
    return given if given.labels else replace(given, labels=recipe.labels)


def read_labels(given: str) -> tuple[str, ...]:
    """A file's lines, or what the commas separate."""
    path = Path(given)
    if path.is_file():
        return tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    return tuple(one.strip() for one in given.split(","))


def from_model_proc(proc: Mapping[str, Any]) -> Recipe:
    """DL Streamer's schema 2, with words of our own beside its; of several inputs the first image counts."""
    found: dict[str, Any] = {}
    for entry in cast("Sequence[Mapping[str, Any]]", proc.get("input_preproc", [])):
        if entry.get("format", "image") == "image":
            found |= _input(entry)
            break
    outputs = [_output(entry) for entry in cast("Sequence[Mapping[str, Any]]", proc.get("output_postproc", []))]
    first, *others = outputs or [{}]
    return Recipe(**found, **first, others=tuple(Recipe(**other) for other in others))


def _input(entry: Mapping[str, Any]) -> dict[str, Any]:
    params = cast("Mapping[str, Any]", entry.get("params", {}))
    colours = params.get("color_space", entry.get("color_space", ""))
    found: dict[str, Any] = {
        "rgb": colours == "RGB" or str(params.get("reverse_input_channels", "")).lower() == "true"
    }
    if "resize" in params:
        found["resize"] = _resize(str(params["resize"]))
    if "crop" in params:
        found["resize"] = "crop"
    low, high = (float(one) for one in params.get("range", (0.0, 255.0)))
    mean, deviation = (tuple(float(one) for one in params.get(key, ())) for key in ("mean", "std"))
    found |= _normalised(high - low, low, mean, deviation)
    if "padding" in params:
        fill: Any = params["padding"].get("fill_value", 0.0)
        found["pad"] = float(cast("list[Any]", fill)[0] if isinstance(fill, list) else fill)
    if "reshape" in params:
        found["shape"] = int(params["reshape"]["width"]), int(params["reshape"]["height"])
    return found


def _normalised(span: float, low: float, mean: tuple[float, ...], deviation: tuple[float, ...]) -> dict[str, Any]:
    """``((pixel / 255 * span + low) - mean) / deviation`` as one subtraction and one division of pixels."""
    width = max(len(mean), len(deviation), 1)
    factor = 255.0 / span
    means = tuple((one - low) * factor for one in (mean or (0.0,) * width))
    scales = tuple(one * factor for one in (deviation or (1.0,) * width))
    return {
        "mean": means if any(means) else (),
        "scale": scales if any(one != 1.0 for one in scales) else (),
    }


def _output(entry: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "converter" in entry:
        found["converter"] = _converter(str(entry["converter"]))
    names = {
        "method": "method",
        "attribute_name": "attribute",
        "layer_name": "layer",
        "confidence_threshold": "threshold",
        "threshold": "threshold",
        "iou_threshold": "iou",
        "blank": "blank",
        "interpolated": "interpolated",
        "tensor_to_text_scale": "text_scale",
        "text_precision": "digits",
    }
    found |= {ours: entry[theirs] for theirs, ours in names.items() if theirs in entry}
    if "strides" in entry:
        found["strides"] = tuple(int(one) for one in entry["strides"])
    if "keypoints" in entry:
        found["marks"] = Marks(**entry["keypoints"])
    labels = entry.get("labels")
    if isinstance(labels, str):
        found["labels"] = read_labels(labels)
    elif labels:
        found["labels"] = tuple(str(one) for one in labels)
    return found


def from_rt_info(info: Mapping[str, str]) -> Recipe:
    """What OpenVINO's model API writes: model_type, labels, resize_type, scale_values and the like."""
    found: dict[str, Any] = {"rgb": info.get("reverse_input_channels", "").lower() in {"true", "yes", "1"}}
    if "model_type" in info:
        found["converter"] = _converter(info["model_type"])
    if "resize_type" in info:
        found["resize"] = _resize(info["resize_type"])
    if "pad_value" in info:
        found["pad"] = float(info["pad_value"])
    for theirs, ours in (("scale_values", "scale"), ("mean_values", "mean")):
        if values := tuple(float(one) for one in info.get(theirs, "").replace(",", " ").split()):
            found[ours] = values
    for theirs, ours in (("confidence_threshold", "threshold"), ("iou_threshold", "iou")):
        if theirs in info:
            found[ours] = float(info[theirs])
    return Recipe(**found | _labels(info))


def _labels(info: Mapping[str, str]) -> dict[str, Any]:
    """Words with underscores for spaces; or, of a reader of text, a character a line, then the space."""
    if labels := info.get("labels"):
        return {"labels": tuple(one.replace("_", " ") for one in labels.split())}
    if characters := info.get("character"):
        return {"labels": ("", *characters.splitlines(), " "), "converter": "ctc"}
    return {}


def _resize(name: str) -> Resize:
    if name not in _RESIZES:
        msg = f"unknown way to resize: {name}"
        raise ValueError(msg)
    return _RESIZES[name]


def _converter(name: str) -> str:
    plain = name.lower().replace("-", "_")
    return _ALIASES.get(plain, plain)
