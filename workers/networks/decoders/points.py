"""Points of one thing: a pose, a hand, a face."""

import numpy as np

from workers.networks.recipe import Marks
from workers.networks.shapes import Array, Outputs

_SEEN = 3
"""Columns before those that say how likely a point is seen."""


def marked(outputs: Outputs, layer: str, marks: Marks, width: int, height: int) -> tuple[Array, float | None]:
    """``[K, 2]``, ``[K, 3]`` or, with visibility, ``[K, 4]``; and how likely the thing is there, if that is told.

    x, y and z are fractions of the input's width, height and width.
    """
    rows = outputs[layer].astype(np.float32).reshape(-1, marks.columns)
    places = rows[:, :_SEEN] / np.array([width, height, width], np.float32)[: min(marks.columns, _SEEN)]
    if marks.columns > _SEEN:
        places = np.concatenate([places, _probability(rows[:, _SEEN : _SEEN + 1])], axis=1)
    if marks.score_layer is None:
        return places, None
    score = outputs[marks.score_layer].astype(np.float32).ravel()[:1]
    return places, float((_probability(score) if marks.logit else score)[0])


def _probability(logits: Array) -> Array:
    return 1 / (1 + np.exp(-logits.clip(-80, 80)))
