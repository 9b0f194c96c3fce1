"""Detectors that tell boxes from anchors, as MediaPipe's do (BlazeFace, palms, people): a box and points each."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from workers.networks.decoders.overlap import suppressed
from workers.networks.shapes import Array, Box, Detection, Outputs

IOU = 0.3
_LARGEST_LOGIT = 80.0


@cache
def centres(width: int, height: int, strides: tuple[int, ...], interpolated: bool) -> Array:
    """``[N, 2]``: the anchors' centres as fractions of the input, in the order of the network's rows.

    Neighbouring layers of one stride share a grid; ``interpolated``: each layer has two anchors a place, not one.
    """
    grids: list[Array] = []
    for stride in dict.fromkeys(strides):
        rows, columns = height // stride, width // stride
        y, x = np.mgrid[0:rows, 0:columns]
        places = np.stack([(x.ravel() + 0.5) / columns, (y.ravel() + 0.5) / rows], axis=1)
        grids.append(places.repeat(strides.count(stride) * (2 if interpolated else 1), axis=0))
    return np.concatenate(grids).astype(np.float32)


def boxes(
    outputs: Outputs, threshold: float, size: tuple[int, int], anchors: Array, iou: float = IOU
) -> list[Detection]:
    """Rows of centre, size and points in pixels of the input, from the anchor; and a logit each.

    Raises ValueError if there aren't as many rows as anchors.
    """
    rows, scores = _rows_and_scores(list(outputs.values()))
    if len(rows) != len(anchors):
        msg = f"{len(rows)} rows of boxes, but {len(anchors)} anchors: `strides` don't fit the network"
        raise ValueError(msg)
    likely = np.flatnonzero(scores >= threshold)
    values = rows[likely].reshape(len(likely), rows.shape[1] // 2, 2) / np.array(size, np.float32)
    values[:, 0] += anchors[likely]
    values[:, 2:] += anchors[likely][:, None]
    half = values[:, 1] / 2
    corners = np.concatenate([values[:, 0] - half, values[:, 0] + half], axis=1)
    kept = suppressed(corners, scores[likely], iou)
    return [
        Detection(Box(*(float(one) for one in corners[i])), 0, float(scores[likely[i]]), values[i, 2:].copy())
        for i in kept
    ]


def _rows_and_scores(arrays: Sequence[Array]) -> tuple[Array, Array]:
    rows = max(arrays, key=lambda one: one.size)
    logits = min(arrays, key=lambda one: one.size).astype(np.float32).ravel()
    return rows.reshape(len(logits), -1), 1 / (1 + np.exp(-logits.clip(-_LARGEST_LOGIT, _LARGEST_LOGIT)))
