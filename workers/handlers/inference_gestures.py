"""Labels of hands and movements."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from shared.results import GesturePrediction, InferenceResult, Prediction
from workers.handlers.inference_inputs import Inputs, Numbered
from workers.helpers import Helpers
from workers.runtimes.contract import FoundHand, GestureModel, HandFinder
from workers.runtimes.loaded import Loaded, LoadedModels
from workers.vision import answers
from workers.vision.answers import Best, Wanted
from workers.vision.drawing import Canvas
from workers.vision.features import Floats, hand_features, word_features

_TOP = 3
"""Labels that are told where nobody asks for another number."""

ROWS_AT_ONCE = 2_048
"""What the layers of more rows pass on doesn't stay in a processor's cache: a third slower."""

SEQUENCES_AT_ONCE = 256
"""Padded to 40 frames they take 10 MB; ten thousand at once would take 400."""


@dataclass(frozen=True, slots=True)
class _Part:
    """How many of the rows an input has: none if it is a photo that shows no hand."""

    item: Numbered
    rows: int
    hand: FoundHand | None = None


def letters(inputs: Inputs, models: LoadedModels, device: str, helpers: Helpers) -> InferenceResult:
    """What single hands spell. Rows of all inputs of a job go through the network together, thousands at once."""
    loaded = models.classifier(inputs.entry, inputs.options.runtime, inputs.options.precision)
    parts, rows = _read_hands(inputs, models)

    def some(first: int) -> Floats:
        inputs.context.check()
        found = loaded.model.predict(hand_features(rows[first : first + ROWS_AT_ONCE]))
        inputs.require_finite(found, lambda row: _name(parts, first + row))
        return found

    predictions: list[Prediction]
    starts = range(0, len(rows), ROWS_AT_ONCE)
    if len(parts) == 1 and parts[0].item.packed.kind == "tensor":
        # Of many rows nobody needs more than the best: it is looked for where the rest still is.
        with inputs.timed("model_ms"):
            best = helpers.each(lambda first: Best.of(some(first)), starts)
        predictions = [answers.batch(best, wanted(inputs))]
    else:
        with inputs.timed("model_ms"):
            pieces = helpers.each(some, starts)
        probabilities = np.concatenate(pieces) if pieces else _none(inputs)
        predictions = list(_by_part(parts, probabilities, wanted(inputs)))
    if inputs.options.annotate:
        _draw(inputs, parts, predictions)
    return _result(inputs, loaded, device, predictions)


def words(inputs: Inputs, models: LoadedModels, device: str) -> InferenceResult:
    """What movements say."""
    loaded = models.classifier(inputs.entry, inputs.options.runtime, inputs.options.precision)
    items = iter(inputs)
    predictions: list[Prediction] = []
    while some := list(islice(items, SEQUENCES_AT_ONCE)):
        inputs.context.check()
        with inputs.timed("model_ms"):
            probabilities = loaded.model.predict(*word_features([inputs.frames(item) for item in some]))
        numbers = [item.number for item in some]
        inputs.require_finite(probabilities, lambda row, of=numbers: f"input {of[row]}")
        predictions += answers.gestures(probabilities, wanted(inputs))
    return _result(inputs, loaded, device, predictions)


def _read_hands(inputs: Inputs, models: LoadedModels) -> tuple[list[_Part], Floats]:
    parts: list[_Part] = []
    arrays: list[Floats] = []
    for item in inputs:
        if item.packed.kind == "image":
            hand = _first_hand(inputs, item, models.hands(inputs.entry).model)
            rows = hand.points.reshape(1, -1) if hand else None
        else:
            hand, rows = None, inputs.rows(item)
        parts.append(_Part(item, 0 if rows is None else len(rows), hand))
        if rows is not None:
            arrays.append(rows)
    if len(arrays) == 1:  # nothing is copied
        return parts, arrays[0]
    return parts, np.concatenate(arrays) if arrays else np.empty((0, 63), np.float32)


def _first_hand(inputs: Inputs, item: Numbered, finder: HandFinder) -> FoundHand | None:
    inputs.next_photo()
    photo = inputs.photo(item)
    with inputs.timed("landmarks_ms"):
        return next(iter(finder.find(photo)), None)


def _by_part(parts: list[_Part], probabilities: Floats, wanted: Wanted) -> Iterator[Prediction]:
    at = 0
    for part in parts:
        own = probabilities[at : at + part.rows]
        at += part.rows
        if part.item.packed.kind == "tensor":
            yield answers.batch([Best.of(own)], wanted)
        elif part.item.packed.kind == "landmarks":
            yield from answers.gestures(own, wanted)
        elif part.hand is None:
            yield GesturePrediction(detected=False)
        else:
            seen = answers.hand(part.hand.points, part.hand.side, part.hand.score)
            yield answers.gestures(own, wanted)[0].model_copy(update={"hand": seen})


def _name(parts: list[_Part], row: int) -> str:
    """What a row of all parts' rows is to the client."""
    for part in parts:
        if row < part.rows:
            break
        row -= part.rows
    else:
        raise IndexError(row)
    number = part.item.number
    return f"input {number}, row {row}" if part.item.packed.kind == "tensor" else f"input {number + row}"


def _draw(inputs: Inputs, parts: list[_Part], predictions: list[Prediction]) -> None:
    """Photos are decoded a second time: keeping all of them until the labels are known could fill the memory."""
    for part in parts:
        prediction = predictions[part.item.number]
        if part.item.packed.kind != "image" or not isinstance(prediction, GesturePrediction):
            continue
        inputs.context.check()
        canvas = Canvas(inputs.photo(part.item))
        with inputs.timed("annotate_ms"):
            if part.hand is None:
                canvas.caption("no hand found")
            else:
                canvas.hand(part.hand.points)
                canvas.caption(_caption(prediction), part.hand.points)
            inputs.keep_drawing(part.item, canvas.image)


def _caption(prediction: GesturePrediction) -> str:
    return f"{prediction.label} {prediction.confidence:.0%}" if prediction.label else "?"


def _none(inputs: Inputs) -> Floats:
    return np.empty((0, len(inputs.entry.labels)), np.float32)


def wanted(inputs: Inputs) -> Wanted:
    """How much the job asks for."""
    options = inputs.options
    return Wanted(inputs.entry.labels, options.top_k or _TOP, options.min_confidence or 0.0)


def _result(
    inputs: Inputs, loaded: Loaded[GestureModel], device: str, predictions: list[Prediction]
) -> InferenceResult:
    # Not validated again, row by row: the predictions are ours.
    return InferenceResult.model_construct(
        model=inputs.entry.name,
        version=loaded.version,
        runtime=loaded.runtime,
        device=device,
        predictions=predictions,
        timings=inputs.timings,
    )
