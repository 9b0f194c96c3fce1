"""Which decoder a model's outputs need, and what it makes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from workers.networks.decoders import boxes, labels, yolo
from workers.networks.recipe import Recipe
from workers.networks.shapes import Detection, Outputs, Tensor

_DETECTORS = {
    "detection_output",
    "tensorflow_boxes",
    "boxes_labels",
    "boxes_scores",
    "yolo_v5",
    "yolo_v8",
    "yolo_v10",
}
_SSD_RANK, _SSD_ROW, _SCORED = 4, 7, 5
_CLASSIFIERS = {"label", "ctc", "text", "raw"}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one item's outputs. ``width``, ``height``: of the model's input."""

    recipe: Recipe
    model: str
    width: int
    height: int
    converter: str

    def detections(self, outputs: Outputs, threshold: float) -> list[Detection]:
        """Boxes at or over the threshold, in the model's order; empty ones go."""
        found = self._boxes(outputs, threshold)
        return [one for one in found if one.box.x_max > one.box.x_min and one.box.y_max > one.box.y_min]

    def _boxes(self, outputs: Outputs, threshold: float) -> list[Detection]:
        size, iou = (self.width, self.height), self.recipe.iou
        decoders: dict[str, Callable[[], list[Detection]]] = {
            "detection_output": lambda: boxes.ssd(outputs, threshold),
            "tensorflow_boxes": lambda: boxes.tensorflow(outputs, threshold),
            "boxes_labels": lambda: boxes.boxes_labels(outputs, threshold, *size),
            "boxes_scores": lambda: boxes.boxes_scores(outputs, threshold),
            "yolo_v5": lambda: yolo.v5(outputs, threshold, *size, iou),
            "yolo_v8": lambda: yolo.v8(outputs, threshold, *size, iou),
            "yolo_v10": lambda: yolo.v10(outputs, threshold, *size),
        }
        return decoders[self.converter]()

    def tensors(self, outputs: Outputs) -> tuple[Tensor, ...]:
        """Labels or text, or outputs as they are: the layer that is named, else all."""
        layer = self.recipe.layer or ""
        if self.converter == "raw":
            return labels.raw({layer: outputs[layer]} if layer in outputs else outputs, self.model)
        layer = layer if layer in outputs else next(iter(outputs))
        values = outputs[layer]
        if self.converter in {"ctc", "text"}:
            read = labels.ctc(values, self.recipe.labels, blank=self.recipe.blank)
        else:
            method = self.recipe.method
            read = labels.classified(values, self.recipe.labels, method, self.recipe.threshold or 0.5)
        name = self.recipe.attribute or f"classification_layer_name:{layer}"
        return (replace(read, name=name, model=self.model, layer=layer, data=values.copy()),)

    def label(self, label_id: int) -> str:
        """Of a detection; empty if the model names none."""
        known = self.recipe.labels
        return known[label_id] if 0 <= label_id < len(known) else ""


def reader_of(
    recipe: Recipe, model: str, size: tuple[int, int], outputs: Mapping[str, Sequence[int]], use: str
) -> Reader:
    """``use``: the element's name. ``outputs``: layer names and shapes, -1 where open. Raises ValueError."""
    if use == "gvainference":
        return Reader(recipe, model, *size, "raw")
    converter = recipe.converter
    if use == "gvadetect":
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
