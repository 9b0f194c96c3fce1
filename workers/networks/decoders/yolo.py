"""The YOLO family, v5 to v11, as exported by their authors' tools. Boxes are in pixels of the input."""

import numpy as np

from workers.networks.decoders.overlap import suppressed
from workers.networks.shapes import Array, Box, Detection, Outputs

IOU = 0.5


def v5(outputs: Outputs, threshold: float, width: int, height: int, iou: float = IOU) -> list[Detection]:
    """Also v7: ``[1, N, 5 + classes]``: centre and size, objectness, then classes, both between 0 and 1."""
    rows = _single(outputs).reshape(-1, _single(outputs).shape[-1])
    rows = rows[rows[:, 4] >= threshold]
    scores = rows[:, 5:] * rows[:, 4:5] if rows[:, 5:].size else rows[:, 4:5]
    return _suppressed(rows[:, :4], scores, threshold, (width, height), iou)


def v8(outputs: Outputs, threshold: float, width: int, height: int, iou: float = IOU) -> list[Detection]:
    """Also v9 and v11: ``[1, 4 + classes, N]``: centre and size, then classes; no objectness."""
    columns = _single(outputs)
    columns = columns.reshape(columns.shape[-2], columns.shape[-1])
    chosen = columns[:, columns[4:].max(axis=0) >= threshold].T
    return _suppressed(chosen[:, :4], chosen[:, 4:], threshold, (width, height), iou)


def v10(outputs: Outputs, threshold: float, width: int, height: int) -> list[Detection]:
    """``[1, N, 6]``: corners, confidence, label; what overlaps is gone already."""
    rows = _single(outputs).reshape(-1, _single(outputs).shape[-1])
    rows = rows[rows[:, 4] >= threshold]
    corners = rows[:, :4] / np.array([width, height, width, height], np.float32)
    return [_detection(corner, row[5], row[4]) for corner, row in zip(corners, rows, strict=True)]


def _single(outputs: Outputs) -> Array:
    return max(outputs.values(), key=lambda one: one.size)


def _suppressed(
    centred: Array, scores: Array, threshold: float, size: tuple[int, int], iou: float
) -> list[Detection]:
    labels = scores.argmax(axis=1) if len(scores) else np.zeros(0, int)
    best = scores.max(axis=1) if len(scores) else np.zeros(0, np.float32)
    good = best >= threshold
    centred, labels, best = centred[good], labels[good], best[good]
    half = centred[:, 2:4] / 2
    corners = np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)
    corners = corners / np.array([size[0], size[1], size[0], size[1]], np.float32)
    return [_detection(corners[i], labels[i], best[i]) for i in suppressed(corners, best, iou)]


def _detection(corners: Array, label: float, confidence: float) -> Detection:
    x_min, y_min, x_max, y_max = (float(one) for one in corners)
    return Detection(Box(x_min, y_min, x_max, y_max), int(label), float(confidence))
