"""From arrays to typed answers. What is made per row skips validation: the numbers are ours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.inputs import Point, PosePoint
from shared.quick import assembled
from shared.results import BatchPrediction, DetectedHand, GesturePrediction, Score
from workers.vision.features import Floats

_DIGITS = 6
"""A confidence is told with six decimals: finer than any runtime agrees with another, shorter on the wire."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is answered: the ``top_k`` best labels of at least ``min_confidence``."""

    labels: Sequence[str]
    top_k: int
    min_confidence: float


def gestures(probabilities: Floats, wanted: Wanted) -> list[GesturePrediction]:
    """One answer per row of [N, classes]."""
    count = min(wanted.top_k, len(wanted.labels))
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    best = np.take_along_axis(probabilities, order, axis=1).astype(np.float64).round(_DIGITS)
    return [_gesture(row, scores, wanted) for row, scores in zip(order.tolist(), best.tolist(), strict=True)]


def _gesture(order: list[int], scores: list[float], wanted: Wanted) -> GesturePrediction:
    top = [
        assembled(Score, {"label": wanted.labels[number], "confidence": score})
        for number, score in zip(order, scores, strict=True)
        if score >= wanted.min_confidence
    ]
    label, confidence = (top[0].label, top[0].confidence) if top else (None, None)
    told = {
        "type": "gesture",
        "detected": True,
        "label": label,
        "confidence": confidence,
        "top": top,
        "hand": None,
    }
    return assembled(GesturePrediction, told)


@dataclass(frozen=True, slots=True)
class Best:
    """The best class of each row, by its number, and its probability."""

    classes: npt.NDArray[np.intp]
    probabilities: Floats

    @classmethod
    def of(cls, probabilities: Floats) -> "Best":
        """Of rows of [N, classes]."""
        order = probabilities.argmax(axis=1)
        # Looking for it again takes ten times this.
        return cls(order, np.take_along_axis(probabilities, order[:, None], axis=1)[:, 0])


def batch(pieces: Sequence[Best], wanted: Wanted) -> BatchPrediction:
    """One answer for the rows of all pieces, of which there is one at least."""
    best = np.concatenate([piece.probabilities for piece in pieces])
    indices: list[int | None] = np.concatenate([piece.classes for piece in pieces]).tolist()
    scores: list[float] = best.astype(np.float64).round(_DIGITS).tolist()
    if wanted.min_confidence > 0:
        pairs = zip(indices, scores, strict=True)
        indices = [index if score >= wanted.min_confidence else None for index, score in pairs]
    return BatchPrediction.model_construct(
        rows=len(scores), classes=list(wanted.labels), indices=indices, confidences=scores
    )


def points(array: Floats) -> list[Point]:
    """[N, 3] as points."""
    return [Point.model_construct(x=x, y=y, z=z) for x, y, z in array.tolist()]


def pose_points(array: Floats) -> list[PosePoint]:
    """[33, 4] as points with visibility."""
    return [PosePoint.model_construct(x=x, y=y, z=z, visibility=seen) for x, y, z, seen in array.tolist()]


def hand(array: Floats, side: str, score: float) -> DetectedHand:
    """A hand as it was found."""
    return DetectedHand.model_construct(handedness=side, score=round(score, _DIGITS), landmarks=points(array))
