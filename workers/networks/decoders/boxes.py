"""Detectors whose network ends in boxes."""

import numpy as np

from workers.networks.shapes import Array, Box, Detection, Outputs

_ROW, _SCORED = 7, 5
"""Columns of an SSD row; of a box with its confidence."""


def ssd(outputs: Outputs, threshold: float) -> list[Detection]:
    """``[1, 1, N, 7]``: image, label, confidence, corners as fractions. An image below 0 ends the list."""
    rows = np.concatenate([one.reshape(-1, _ROW) for one in outputs.values() if one.shape[-1] == _ROW])
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if len(ends) else rows
    kept = rows[rows[:, 2] >= threshold]
    return [_detection(row[3:7], row[1], row[2]) for row in kept]


def tensorflow(outputs: Outputs, threshold: float) -> list[Detection]:
    """The object detection API's: boxes ``[1, N, 4]`` as y, x, y, x, classes, scores and how many there are."""
    boxes = _named(outputs, "boxes").reshape(-1, 4)
    classes = _named(outputs, "classes").ravel()
    scores = _named(outputs, "scores").ravel()
    counts = next((one for name, one in outputs.items() if "num" in name), None)
    count = len(scores) if counts is None else int(np.asarray(counts).ravel()[0])
    return [
        _detection(boxes[i][[1, 0, 3, 2]], classes[i], scores[i])
        for i in np.flatnonzero(scores[:count] >= threshold)
    ]


def boxes_labels(outputs: Outputs, threshold: float, width: int, height: int) -> list[Detection]:
    """Boxes ``[N, 5]`` (corners in pixels of the input, confidence) and labels ``[N]``."""
    boxes = next(one.reshape(-1, _SCORED) for one in outputs.values() if one.ndim > 1 and one.shape[-1] == _SCORED)
    labels = next(
        (one.ravel() for name, one in outputs.items() if "label" in name or one.dtype.kind in "iu"),
        np.zeros(len(boxes)),
    )
    size = np.array([width, height, width, height], np.float32)
    return [
        _detection(boxes[i, :4] / size, labels[i], boxes[i, 4]) for i in np.flatnonzero(boxes[:, 4] >= threshold)
    ]


def boxes_scores(outputs: Outputs, threshold: float) -> list[Detection]:
    """Boxes ``[1, N, 4]``, corners as fractions, and scores ``[1, N, classes]``."""
    boxes = _named(outputs, "boxes").reshape(-1, 4)
    scores = _named(outputs, "scores").reshape(len(boxes), -1)
    best = scores.max(axis=1)
    return [_detection(boxes[i], scores[i].argmax(), best[i]) for i in np.flatnonzero(best >= threshold)]


def end_to_end(outputs: Outputs, threshold: float, width: int, height: int) -> list[Detection]:
    """Overlaps gone already: boxes ``[1, N, 4]``, corners in pixels of the input, scores, classes, and a count."""
    boxes = _named(outputs, "boxes").reshape(-1, 4) / np.array([width, height, width, height], np.float32)
    scores, classes = _named(outputs, "scores").ravel(), _named(outputs, "classes").ravel()
    counts = next((one for name, one in outputs.items() if "num" in name), None)
    count = len(scores) if counts is None else int(np.asarray(counts).ravel()[0])
    return [_detection(boxes[i], classes[i], scores[i]) for i in np.flatnonzero(scores[:count] >= threshold)]


def _named(outputs: Outputs, word: str) -> Array:
    try:
        return next(one for name, one in outputs.items() if word in name)
    except StopIteration:
        msg = f"no output is called …{word}…: {', '.join(outputs)}"
        raise ValueError(msg) from None


def _detection(corners: Array, label: float, confidence: float) -> Detection:
    x_min, y_min, x_max, y_max = (float(one) for one in corners)
    return Detection(Box(x_min, y_min, x_max, y_max), int(label), float(confidence))
