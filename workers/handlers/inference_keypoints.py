"""Landmarks of photos. They are found on the CPU, whatever device the worker is pinned to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.devices import Device
from shared.results import InferenceResult, KeypointsPrediction
from workers.handlers.inference_inputs import Inputs, Numbered
from workers.runtimes.contract import FoundHand
from workers.runtimes.loaded import Loaded, LoadedModels
from workers.vision import answers
from workers.vision.drawing import Canvas
from workers.vision.features import Floats

_WRISTS = {"Left": 15, "Right": 16}
"""Points of a pose."""


def hands(inputs: Inputs, models: LoadedModels) -> InferenceResult:
    """The hands of each photo."""
    inputs.require_own_runtime()
    loaded = models.hands(inputs.entry)
    predictions: list[KeypointsPrediction] = []
    for item in inputs:
        inputs.next_photo()
        photo = inputs.photo(item)
        with inputs.timed("landmarks_ms"):
            found = loaded.model.find(photo)
        _require_finite(inputs, item, found)
        predictions.append(KeypointsPrediction(detected=bool(found), hands=_seen(found)))
        if inputs.options.annotate:
            _draw(inputs, item, Canvas(photo), found, None)
    return _result(inputs, loaded, predictions)


def pose(inputs: Inputs, models: LoadedModels) -> InferenceResult:
    """The person and hands of each photo: one frame of a movement."""
    inputs.require_own_runtime()
    loaded = models.pose(inputs.entry)
    finder = models.hands(inputs.entry).model
    predictions: list[KeypointsPrediction] = []
    for item in inputs:
        inputs.next_photo()
        photo = inputs.photo(item)
        with inputs.timed("landmarks_ms"):
            person, found = loaded.model.find(photo), finder.find(photo)
        _require_finite(inputs, item, found, person)
        predictions.append(_frame(person, found))
        if inputs.options.annotate:
            _draw(inputs, item, Canvas(photo), found, person)
    return _result(inputs, loaded, predictions)


def _require_finite(
    inputs: Inputs, item: Numbered, found: Sequence[FoundHand], person: Floats | None = None
) -> None:
    arrays = [hand.points for hand in found] + ([] if person is None else [person])
    scores = np.array([hand.score for hand in found], np.float32)
    for array in [*arrays, scores]:
        inputs.require_finite(array.reshape(1, -1), lambda _row: f"input {item.number}")


def _frame(person: Floats | None, found: Sequence[FoundHand]) -> KeypointsPrediction:
    left, right = sides(person, found)
    return KeypointsPrediction(
        detected=person is not None or bool(found),
        hands=_seen(found),
        pose=None if person is None else answers.pose_points(person),
        left_hand=None if left is None else answers.points(left.points),
        right_hand=None if right is None else answers.points(right.points),
    )


def sides(person: Floats | None, found: Sequence[FoundHand]) -> tuple[FoundHand | None, FoundHand | None]:
    """The left and the right hand. Of two hands of the same name, the one less like it becomes the other."""
    best = sorted(found, key=lambda hand: _misfit(person, hand))
    if not best:
        return None, None
    first, other = best[0], best[1] if best[1:] else None
    return (first, other) if first.side == "Left" else (other, first)


def _misfit(person: Floats | None, hand: FoundHand) -> float:
    """How far a hand is from the wrist of its name; without a person, how uncertain its name is."""
    if person is None:
        return -hand.score
    return float(np.linalg.norm(person[_WRISTS[hand.side], :2] - hand.points[0, :2]))


def _seen(found: Sequence[FoundHand]) -> list[Any]:
    return [answers.hand(hand.points, hand.side, hand.score) for hand in found]


def _draw(
    inputs: Inputs, item: Numbered, canvas: Canvas, found: Sequence[FoundHand], person: Floats | None
) -> None:
    with inputs.timed("annotate_ms"):
        if person is not None:
            canvas.pose(person)
        for hand in found:
            canvas.hand(hand.points)
            canvas.caption(f"{hand.side} {hand.score:.0%}", hand.points)
        if person is None and not found:
            canvas.caption("nothing found")
        inputs.keep_drawing(item, canvas.image)


def _result(inputs: Inputs, loaded: Loaded[Any], predictions: Sequence[KeypointsPrediction]) -> InferenceResult:
    return InferenceResult(
        model=inputs.entry.name,
        version=loaded.version,
        runtime=loaded.runtime,
        device=Device.CPU,
        predictions=list(predictions),
        timings=inputs.timings,
    )
