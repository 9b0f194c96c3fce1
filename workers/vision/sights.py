"""From a network's outputs to typed answers, with places in pixels and as fractions of the picture."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.catalogue import CatalogueEntry
from shared.predictions import (
    Attribute,
    ClassificationPrediction,
    DetectedObject,
    DetectionPrediction,
    FractionBox,
    Keypoint,
    PixelBox,
    Pose,
    PosePrediction,
    RawTensor,
    Score,
    TextLine,
    TextPrediction,
)
from workers.networks.decoders import labels
from workers.networks.decoders.points import marked
from workers.networks.placing import Fit
from workers.networks.reading import THRESHOLD, Reader
from workers.networks.recipe import Recipe
from workers.networks.shapes import Array, Box, Detection, Outputs, Tensor
from workers.vision.images import Floats, Pixels

_DIGITS = 6
_TOP = 3
_Z_COLUMNS = 3
_WHOLE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the client wants to hear; None: what is usual for the model."""

    top_k: int | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What a network said of a picture. ``width`` and ``height``: the picture's, in pixels."""

    entry: CatalogueEntry
    reader: Reader
    outputs: Outputs
    fit: Fit
    width: int
    height: int
    asked: Asked

    @property
    def threshold(self) -> float:
        """Of objects: what is asked for, or the model's own."""
        return self.own_threshold if self.asked.min_confidence is None else self.asked.min_confidence

    @property
    def own_threshold(self) -> float:
        """The model's."""
        own = self.reader.recipe.threshold
        return THRESHOLD if own is None else own

    def found(self, threshold: float) -> list[tuple[Detection, Box]]:
        """What a detector found, with its place in the picture; the surest first, none smaller than a pixel."""
        seen = sorted(self.reader.detections(self.outputs, threshold), key=lambda one: -one.confidence)
        placed = [(one, self.fit.back(one.box).clipped()) for one in seen]
        return [(one, box) for one, box in placed if 0 not in box.pixels(self.width, self.height)[2:]]


def detection(sight: Sight) -> DetectionPrediction:
    """Of a detector."""
    objects = [
        DetectedObject(
            label=sight.reader.label(one.label_id) or str(one.label_id),
            label_id=one.label_id,
            confidence=_told(one.confidence),
            box=pixels(box, sight),
            box_normalised=fractions(box),
            keypoints=[] if one.points is None else keypoints(sight, one.points),
        )
        for one, box in sight.found(sight.threshold)[: sight.asked.top_k]
    ]
    return DetectionPrediction(width=sight.width, height=sight.height, objects=objects)


def poses(sight: Sight) -> PosePrediction:
    """Of a detector of poses, or of a network that sees one in any picture."""
    found = _detected_poses(sight) if sight.reader.detects else _single_pose(sight)
    return PosePrediction(width=sight.width, height=sight.height, poses=found[: sight.asked.top_k])


def _detected_poses(sight: Sight) -> list[Pose]:
    return [
        Pose(
            confidence=_told(one.confidence),
            box=pixels(box, sight),
            box_normalised=fractions(box),
            keypoints=[] if one.points is None else keypoints(sight, one.points),
        )
        for one, box in sight.found(sight.threshold)
    ]


def _single_pose(sight: Sight) -> list[Pose]:
    recipe = sight.reader.recipe
    assert recipe.marks is not None  # noqa: S101 - told to the type checker
    layer = recipe.layer or next(iter(sight.outputs))
    points, score = marked(sight.outputs, layer, recipe.marks, *sight.reader.size)
    if score is not None and not score >= sight.threshold:
        return []
    has_depth = recipe.marks.columns >= _Z_COLUMNS
    shown = keypoints(sight, points, has_depth=has_depth)
    return [Pose(confidence=None if score is None else _told(score), keypoints=shown)]


def keypoints(sight: Sight, points: Array, *, has_depth: bool = False) -> list[Keypoint]:
    """Rows of x, y, then z where ``has_depth``, then how likely it is seen; fractions of the network's input."""
    names: Sequence[str | None] = sight.entry.points or [None] * len(points)
    moved = sight.fit.back_points(points)
    rows = moved[:, :2].tolist()
    rest = moved[:, 2:].tolist()
    return [
        Keypoint(
            name=name,
            x=_told(x),
            y=_told(y),
            pixel_x=round(x * sight.width, 2),
            pixel_y=round(y * sight.height, 2),
            z=_told(more.pop(0) / sight.fit.width) if has_depth else None,
            visibility=_told(more.pop(0)) if more else None,
        )
        for name, (x, y), more in zip(names, rows, rest, strict=False)
    ]


def classification(sight: Sight) -> ClassificationPrediction:
    """Of a classifier, with one output or several."""
    recipe = sight.reader.recipe
    tensors = sight.reader.tensors(sight.outputs)
    attributes = [_attribute(one, how, sight) for one, how in zip(tensors, (recipe, *recipe.others), strict=True)]
    first = next((one for one in attributes if one.text is None), Attribute(name=""))
    return ClassificationPrediction(
        label=first.label, confidence=first.confidence, top=first.top, attributes=attributes
    )


def _attribute(tensor: Tensor, recipe: Recipe, sight: Sight) -> Attribute:
    name = recipe.attribute or sight.entry.category
    if tensor.label_id is None or tensor.data is None:
        return Attribute(name=name, text=tensor.label or "")
    likely = labels.probabilities(tensor.data, recipe.method)
    order: list[int] = np.argsort(-likely, kind="stable")[: sight.asked.top_k or _TOP].tolist()
    least = sight.asked.min_confidence or 0.0
    scores = [Score(label=_word(recipe, i), confidence=_told(float(likely[i]))) for i in order]
    top = [score for score in scores if score.confidence >= least]
    label, confidence = (top[0].label, top[0].confidence) if top else (None, None)
    return Attribute(name=name, label=label, confidence=confidence, top=top)


def _word(recipe: Recipe, number: int) -> str:
    return recipe.labels[number] if number < len(recipe.labels) else str(number)


def line(sight: Sight, read: Tensor, polygon: Array | None = None, sure: float | None = None) -> TextLine:
    """What a reader of text read inside of ``polygon``, [4, 2] fractions of the picture; or in all of it."""
    polygon = _WHOLE if polygon is None else polygon
    low, high = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    box = Box(*low, *high).clipped()
    return TextLine(
        text=read.label or "",
        confidence=_told(read.confidence or 0.0),
        detection=None if sure is None else _told(sure),
        box=pixels(box, sight),
        box_normalised=fractions(box),
        polygon=[(round(x * sight.width, 2), round(y * sight.height, 2)) for x, y in polygon.tolist()],
    )


def text(sight: Sight, lines: Sequence[TextLine]) -> TextPrediction:
    """The lines that are sure enough, and their text."""
    least = sight.asked.min_confidence or 0.0
    kept = [each for each in lines if each.text and each.confidence >= least][: sight.asked.top_k]
    said = "\n".join(each.text for each in kept)
    return TextPrediction(width=sight.width, height=sight.height, text=said, lines=kept)


def corners(sight: Sight, one: Detection) -> Array:
    """[4, 2] of a line of text, as fractions of the picture. Raises ValueError for a box that isn't one."""
    if one.corners is None:
        msg = "it finds boxes, but nobody knows where in them lines of text are"
        raise ValueError(msg)
    return sight.fit.back_points(one.corners).clip(0, 1)


def summary(seen: ClassificationPrediction) -> str:
    """What each output says, in a line."""
    return ", ".join(
        each.text or (f"{each.label} {each.confidence or 0:.0%}" if each.label else "?")
        for each in seen.attributes
    )


def rectangle(box: FractionBox) -> Floats:
    """[4, 2], clockwise."""
    left, top, right, bottom = box.x_min, box.y_min, box.x_max, box.y_max
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def places(points: Sequence[Keypoint]) -> Floats:
    """[K, 2] fractions of the picture."""
    return np.array([(each.x, each.y) for each in points], np.float32).reshape(-1, 2)


def raw(name: str, array: Array) -> RawTensor:
    """An output in the answer itself."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    data = base64.b64encode(little.tobytes()).decode()
    return RawTensor(name=name, shape=list(array.shape), dtype=array.dtype.name, data=data)


def pixels(box: Box, sight: Sight) -> PixelBox:
    """Whole pixels, rounded half up, inside of the picture."""
    x, y, width, height = box.pixels(sight.width, sight.height)
    return PixelBox(x=x, y=y, width=min(width, sight.width - x), height=min(height, sight.height - y))


def fractions(box: Box) -> FractionBox:
    """The box as it is told."""
    return FractionBox(
        x_min=_told(box.x_min), y_min=_told(box.y_min), x_max=_told(box.x_max), y_max=_told(box.y_max)
    )


def size(image: Pixels) -> tuple[int, int]:
    """Width and height."""
    return image.shape[1], image.shape[0]


def _told(value: float) -> float:
    """Raises ValueError for what isn't finite: JSON has no such numbers."""
    if not math.isfinite(value):
        msg = "gave numbers that aren't finite"
        raise ValueError(msg)
    return round(value, _DIGITS)
