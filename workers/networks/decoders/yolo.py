"""The YOLO family, v5 to v26, as exported by their authors' tools. Boxes are in pixels of the input."""

from dataclasses import replace

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


def v8_pose(outputs: Outputs, threshold: float, width: int, height: int, iou: float = IOU) -> list[Detection]:
    """Also v11's: ``[1, 5 + 3 K, N]``: centre and size, one class, then x, y and visibility of K points."""
    columns = _single(outputs)
    rows = columns.reshape(columns.shape[-2:]).T
    rows = rows[rows[:, 4] >= threshold]
    corners = _corners(rows[:, :4], (width, height))
    return [
        replace(_detection(corners[i], 0, rows[i, 4]), points=_points(rows[i, 5:], width, height))
        for i in suppressed(corners, rows[:, 4], iou)
    ]


def v10(outputs: Outputs, threshold: float, width: int, height: int) -> list[Detection]:
    """``[1, N, 6]``: corners, confidence, label; what overlaps is gone. Poses have their points after it."""
    rows = _single(outputs).reshape(-1, _single(outputs).shape[-1])
    rows = rows[rows[:, 4] >= threshold]
    corners = rows[:, :4] / np.array([width, height, width, height], np.float32)
    return [
        replace(_detection(corner, row[5], row[4]), points=_points(row[6:], width, height))
        for corner, row in zip(corners, rows, strict=True)
    ]


def _points(values: Array, width: int, height: int) -> Array | None:
    return values.reshape(-1, 3) / np.array([width, height, 1], np.float32) if values.size else None


def _single(outputs: Outputs) -> Array:
    return max(outputs.values(), key=lambda one: one.size)


def _suppressed(
    centred: Array, scores: Array, threshold: float, size: tuple[int, int], iou: float
) -> list[Detection]:
    labels = scores.argmax(axis=1) if len(scores) else np.zeros(0, int)
    best = scores.max(axis=1) if len(scores) else np.zeros(0, np.float32)
    good = best >= threshold
    centred, labels, best = centred[good], labels[good], best[good]
    corners = _corners(centred, size)
    return [_detection(corners[i], labels[i], best[i]) for i in suppressed(corners, best, iou)]


def _corners(centred: Array, size: tuple[int, int]) -> Array:
    half = centred[:, 2:4] / 2
    corners = np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)
    return corners / np.array([size[0], size[1], size[0], size[1]], np.float32)


def _detection(corners: Array, label: float, confidence: float) -> Detection:
    x_min, y_min, x_max, y_max = (float(one) for one in corners)
    return Detection(Box(x_min, y_min, x_max, y_max), int(label), float(confidence))
