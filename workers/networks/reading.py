"""Which decoder a model's outputs need, and what it makes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from workers.networks.decoders import anchors, boxes, heatmap, labels, lines, yolo
from workers.networks.recipe import Recipe
from workers.networks.shapes import Array, Detection, Outputs, Tensor

_SSD_RANK, _SSD_ROW, _SCORED = 4, 7, 5
_CLASSIFIERS = {"label", "ctc", "number", "raw"}
THRESHOLD = 0.5
"""Of detectors that name none."""

Decoder = Callable[["Reader", Outputs, float], list[Detection]]


def _iou(reader: "Reader") -> dict[str, float]:
    return {} if reader.recipe.iou is None else {"iou": reader.recipe.iou}


def _anchored(reader: "Reader", outputs: Outputs, threshold: float) -> list[Detection]:
    recipe = reader.recipe
    places = anchors.centres(*reader.size, recipe.strides, recipe.interpolated)
    return anchors.boxes(outputs, threshold, reader.size, places, **_iou(reader))


_DETECTORS: Mapping[str, Decoder] = {
    "detection_output": lambda _reader, outputs, threshold: boxes.ssd(outputs, threshold),
    "tensorflow_boxes": lambda _reader, outputs, threshold: boxes.tensorflow(outputs, threshold),
    "boxes_labels": lambda reader, outputs, threshold: boxes.boxes_labels(outputs, threshold, *reader.size),
    "boxes_scores": lambda _reader, outputs, threshold: boxes.boxes_scores(outputs, threshold),
    "end_to_end": lambda reader, outputs, threshold: boxes.end_to_end(outputs, threshold, *reader.size),
    "yolo_v5": lambda reader, outputs, threshold: yolo.v5(outputs, threshold, *reader.size, **_iou(reader)),
    "yolo_v8": lambda reader, outputs, threshold: yolo.v8(outputs, threshold, *reader.size, **_iou(reader)),
    "yolo_v8_pose": lambda reader, outputs, threshold: yolo.v8_pose(
        outputs, threshold, *reader.size, **_iou(reader)
    ),
    "yolo_v10": lambda reader, outputs, threshold: yolo.v10(outputs, threshold, *reader.size),
    "mediapipe_boxes": _anchored,
    "centre_faces": lambda reader, outputs, threshold: heatmap.centre_faces(
        outputs, threshold, *reader.size, **_iou(reader)
    ),
    "text_lines": lambda _reader, outputs, threshold: lines.text_lines(outputs, threshold),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one item's outputs. ``width``, ``height``: of the model's input."""

    recipe: Recipe
    model: str
    width: int
    height: int
    converter: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def detects(self) -> bool:
        """Whether it finds boxes."""
        return self.converter in _DETECTORS

    def detections(self, outputs: Outputs, threshold: float) -> list[Detection]:
        """Boxes at or over the threshold, in the model's order; empty ones go."""
        found = _DETECTORS[self.converter](self, outputs, threshold)
        return [one for one in found if one.box.x_max > one.box.x_min and one.box.y_max > one.box.y_min]

    def tensors(self, outputs: Outputs) -> tuple[Tensor, ...]:
        """Labels or text of each output the recipe names, or outputs as they are: the named layer, else all."""
        first = self._tensors(self.recipe, self.converter, outputs)
        more = (self._tensors(other, other.converter or "label", outputs) for other in self.recipe.others)
        return (*first, *chain.from_iterable(more))

    def _tensors(self, recipe: Recipe, converter: str, outputs: Outputs) -> tuple[Tensor, ...]:
        layer = recipe.layer or ""
        if converter == "raw":
            named = {layer: outputs[layer]} if layer in outputs else outputs
            return labels.raw(named, self.model)
        layer = layer if layer in outputs else next(iter(outputs))
        values = outputs[layer]
        read = _read(recipe, converter, values)
        name = recipe.attribute or f"classification_layer_name:{layer}"
        return (replace(read, name=name, model=self.model, layer=layer, data=values.copy()),)

    def label(self, label_id: int) -> str:
        """Of a detection; empty if the model names none."""
        known = self.recipe.labels
        return known[label_id] if 0 <= label_id < len(known) else ""


def _read(recipe: Recipe, converter: str, values: Array) -> Tensor:
    match converter:
        case "ctc":
            return labels.ctc(values, recipe.labels, blank=recipe.blank)
        case "number":
            return labels.number(values, recipe.text_scale, recipe.digits)
        case _:
            return labels.classified(values, recipe.labels, recipe.method, recipe.threshold or 0.5)


def reader_of(
    recipe: Recipe, model: str, size: tuple[int, int], outputs: Mapping[str, Sequence[int]], use: str
) -> Reader:
    """``use``: the element's name; none: what the recipe says. ``outputs``: layer names and shapes, -1 where open.

    Raises ValueError.
    """
    if use == "gvainference":
        return Reader(replace(recipe, others=()), model, *size, "raw")
    converter = recipe.converter
    if use == "gvadetect" or (not use and converter in _DETECTORS):
        converter = converter if converter in _DETECTORS else _guess(outputs) if converter is None else None
        if converter is None:
            msg = f"{model} isn't known to find boxes: outputs {dict(outputs)}, converter {recipe.converter}"
            raise ValueError(msg)
        return Reader(recipe, model, *size, converter)
    if converter is None:
        converter = "label" if recipe.labels else "raw"
    if converter not in _CLASSIFIERS:
        msg = f"{model}: {converter} isn't a classifier"
        raise ValueError(msg)
    return Reader(recipe, model, *size, converter)


def _guess(outputs: Mapping[str, Sequence[int]]) -> str | None:
    names = " ".join(outputs)
    shapes = [list(one) for one in outputs.values()]
    if all(word in names for word in ("boxes", "classes", "scores")):
        return "tensorflow_boxes"
    if any(len(shape) == _SSD_RANK and shape[-1] == _SSD_ROW for shape in shapes):
        return "detection_output"
    if any(shape[-1] == _SCORED for shape in shapes if shape) and len(shapes) > 1:
        return "boxes_labels"
    if "boxes" in names and "scores" in names:
        return "boxes_scores"
    return _guess_yolo(max(shapes, key=lambda shape: abs(shape[-1]) if shape else 0))


def _guess_yolo(shape: list[int]) -> str | None:
    if len(shape) != 3:  # noqa: PLR2004 - batch, rows, columns
        return None
    if shape[2] == 6 and 0 < shape[1] <= 1000:  # noqa: PLR2004 - boxes at the end of the network
        return "yolo_v10"
    return "yolo_v8" if 0 < shape[1] < shape[2] else "yolo_v5"
