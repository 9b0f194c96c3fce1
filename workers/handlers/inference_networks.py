"""What networks see in pictures: objects, classes, poses, text, or what nobody told us how to read."""

import io
import re
from collections.abc import Sequence

import numpy as np

from shared.errors import ModelUnusable
from shared.predictions import (
    ClassificationPrediction,
    DetectionPrediction,
    PosePrediction,
    RawPrediction,
    RawTensor,
    TextLine,
    TextPrediction,
)
from shared.results import InferenceResult
from workers.handlers.inference_inputs import Inputs, Numbered
from workers.networks.shapes import Array
from workers.runtimes.contract import ImageNetwork
from workers.runtimes.loaded import LoadedModels
from workers.vision import sights
from workers.vision.drawing import Canvas
from workers.vision.images import Pixels, straightened
from workers.vision.sights import Asked, Sight

Seen = DetectionPrediction | ClassificationPrediction | PosePrediction | TextPrediction | RawPrediction

_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def look(inputs: Inputs, models: LoadedModels, device: str, inline_bytes: int) -> InferenceResult:
    """What each picture shows. Outputs of more than ``inline_bytes`` that nobody can read become artifacts."""
    loaded = models.network(inputs.entry, inputs.options.runtime, inputs.options.precision)
    reader = models.text_reader(inputs.entry)
    looker = _Looker(inputs, loaded.model, reader and reader.model, inline_bytes)
    predictions = [looker.answer(item) for item in inputs]
    return InferenceResult.model_construct(
        model=inputs.entry.name,
        version=loaded.version,
        runtime=loaded.runtime,
        device=device,
        predictions=predictions,
        timings=inputs.timings,
    )


class _Looker:
    """Looks at one job's pictures. ``reader``: reads the lines of text that the network finds."""

    def __init__(
        self, inputs: Inputs, network: ImageNetwork, reader: ImageNetwork | None, inline_bytes: int
    ) -> None:
        self._inputs = inputs
        self._network = network
        self._reader = reader
        self._inline_bytes = inline_bytes
        self._asked = Asked(inputs.options.top_k, inputs.options.min_confidence)

    def answer(self, item: Numbered) -> Seen:
        """Raises InputUnreadable, and ModelUnusable where its recipe doesn't fit what the network gives."""
        inputs = self._inputs
        inputs.next_photo()
        photo = inputs.photo(item)
        try:
            with inputs.timed("model_ms"):
                seen = self._see(item, photo)
        except (ValueError, RuntimeError) as error:
            msg = f"input {item.number}: {inputs.entry.name}: {error}"
            raise ModelUnusable(msg) from error
        if inputs.options.annotate:
            with inputs.timed("annotate_ms"):
                inputs.keep_drawing(item, drawn(photo, seen))
        return seen

    def _see(self, item: Numbered, photo: Pixels) -> Seen:
        outputs, fit = self._network.look(photo)
        reader = self._network.reader
        sight = Sight(self._inputs.entry, reader, outputs, fit, *sights.size(photo), self._asked)
        if self._reader is not None:
            return sights.text(sight, self._lines(sight, photo, self._reader))
        if reader.recipe.marks is not None or (self._inputs.entry.category == "pose" and reader.detects):
            return sights.poses(sight)
        if reader.detects:
            return sights.detection(sight)
        match reader.converter:
            case "ctc":
                return sights.text(sight, [sights.line(sight, reader.tensors(outputs)[0])])
            case "raw":
                return RawPrediction(outputs=[self._raw(item, name, one) for name, one in outputs.items()])
            case _:
                return sights.classification(sight)

    def _lines(self, sight: Sight, photo: Pixels, reader: ImageNetwork) -> list[TextLine]:
        """Each line that the network found, straightened and read, from top to bottom."""
        lines: list[TextLine] = []
        for one in sight.reader.detections(sight.outputs, sight.own_threshold):
            self._inputs.context.check()
            corners = sights.corners(sight, one)
            part = straightened(photo, corners * np.array(sights.size(photo), np.float32))
            outputs, _ = reader.look(part)
            lines.append(sights.line(sight, reader.reader.tensors(outputs)[0], corners, one.confidence))
        return lines

    def _raw(self, item: Numbered, name: str, array: Array) -> RawTensor:
        if array.nbytes <= self._inline_bytes:
            return sights.raw(name, array)
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        artifact = f"raw-{item.number}-{_ODD.sub('_', name)[:100] or 'output'}.npy"
        self._inputs.context.save_artifact(artifact, file.getvalue(), "application/octet-stream")
        return RawTensor(name=name, shape=list(array.shape), dtype=array.dtype.name, artifact=artifact)


def drawn(photo: Pixels, seen: Seen) -> Pixels:
    """A copy of the picture with what was seen on it."""
    canvas = Canvas(photo)
    match seen:
        case DetectionPrediction(objects=objects):
            for each in objects:
                canvas.box(sights.rectangle(each.box_normalised), f"{each.label} {each.confidence:.0%}")
                canvas.marks(sights.places(each.keypoints))
        case PosePrediction(poses=poses):
            for pose in poses:
                canvas.marks(sights.places(pose.keypoints))
        case TextPrediction(lines=lines):
            _draw_lines(canvas, lines, photo)
        case ClassificationPrediction():
            canvas.caption(sights.summary(seen))
        case RawPrediction():
            """There is nothing to draw."""
    return canvas.image


def _draw_lines(canvas: Canvas, lines: Sequence[TextLine], photo: Pixels) -> None:
    for line in lines:
        # The font has no other letters.
        text = line.text if line.text.isascii() else ""
        canvas.box(np.array(line.polygon, np.float32) / np.array(sights.size(photo), np.float32), text)
