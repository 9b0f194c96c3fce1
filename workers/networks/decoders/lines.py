"""Lines of text in a map that says of each pixel how likely it is text (PP-OCR, DBNet). Needs OpenCV."""

import math
from typing import Any

import numpy as np

from workers.networks.placing import opencv
from workers.networks.shapes import Array, Box, Detection, Outputs

_PIXEL = 0.3
"""How likely a pixel of a line is at least."""
_GROWTH = 1.6
"""Networks are taught lines shrunk by area / length; this much of it is given back."""
_LEAST_SIDE = 3
_MOST = 1_000


def text_lines(outputs: Outputs, threshold: float) -> list[Detection]:
    """Boxes that may be turned, top to bottom; a line's confidence is its pixels' mean. Raises ValueError."""
    cv2: Any = opencv()
    if cv2 is None:
        msg = "lines of text are found with OpenCV, which isn't installed"
        raise ValueError(msg)
    (likely,) = (one.reshape(one.shape[-2:]) for one in outputs.values())
    mask = cv2.dilate((likely > _PIXEL).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = (_line(cv2, likely, contour, threshold) for contour in contours[:_MOST])
    return sorted((one for one in found if one), key=lambda one: (one.box.y_min, one.box.x_min))


def _line(cv2: Any, likely: Array, contour: Array, threshold: float) -> Detection | None:
    centre, (width, height), angle = cv2.minAreaRect(contour)
    if min(width, height) < _LEAST_SIDE:
        return None
    score = _score(cv2, likely, cv2.boxPoints((centre, (width, height), angle)))
    if score < threshold:
        return None
    more = width * height * _GROWTH / (width + height)  # twice the area by the circumference, for both sides
    corners = _clockwise(cv2.boxPoints((centre, (width + more, height + more), angle)))
    rows, columns = likely.shape
    corners = (corners / np.array([columns, rows], np.float32)).clip(0, 1)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return Detection(Box(left, top, right, bottom), 0, score, corners=corners)


def _score(cv2: Any, likely: Array, corners: Array) -> float:
    """The mean inside of the corners."""
    low = np.floor(corners.min(axis=0)).astype(int).clip(0)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    part = np.ascontiguousarray(likely[low[1] : high[1], low[0] : high[0]], np.float32)
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(part, mask)[0])


def _clockwise(corners: Array) -> Array:
    """From the corner that is the upper left one of a line read from left to right."""
    centre = corners.mean(axis=0)
    turned = sorted(corners.tolist(), key=lambda one: math.atan2(one[1] - centre[1], one[0] - centre[0]))
    start = min(range(4), key=lambda i: turned[i][0] + turned[i][1])
    return np.array(turned[start:] + turned[:start], np.float32)
