# pyright: basic
"""Results drawn on the photo they come from. Colours are RGB."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from workers.vision.features import Floats
from workers.vision.images import Pixels

_LINE = (0, 200, 120)
_JOINT = (255, 255, 255)
_TEXT = (255, 255, 255)
_PANEL = (24, 24, 24)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_UNIT = 480  # the shorter side, in pixels, at which a line is two pixels wide
_SEEN = 0.5  # pose points less visible than this aren't drawn

_FINGERS = [(start, start + 1) for first in range(1, 21, 4) for start in range(first, first + 3)]
HAND_BONES = [(0, 1), (0, 5), (5, 9), (9, 13), (13, 17), (0, 17), *_FINGERS]
"""Pairs of the 21 points."""

POSE_BONES = [
    *((11, 12), (11, 23), (12, 24), (23, 24)),
    *((11, 13), (13, 15), (12, 14), (14, 16)),
    *((23, 25), (25, 27), (24, 26), (26, 28), (27, 31), (28, 32)),
    *((0, 2), (2, 7), (0, 5), (5, 8), (9, 10)),
]
"""Pairs of the 33 points: trunk, arms, legs, face."""


class Canvas:
    """A copy of a photo to draw on. Points are fractions of its width and height."""

    def __init__(self, image: Pixels) -> None:
        self.image = image.copy()
        self._height, self._width = image.shape[:2]
        self._stroke = max(1, round(2 * min(self._height, self._width) / _UNIT))

    def hand(self, points: Floats) -> None:
        """A hand's skeleton, [21, 3]."""
        self._skeleton(points, HAND_BONES, range(len(points)))

    def pose(self, points: Floats) -> None:
        """A person's skeleton, [33, 4]; only what is visible."""
        self._skeleton(points, POSE_BONES, np.flatnonzero(points[:, 3] >= _SEEN).tolist())

    def box(self, corners: Floats, text: str) -> None:
        """A box by its corners, [K, 2], turned or not, and what stands above it."""
        pixels = self._pixels(corners).astype(np.int32)
        cv2.polylines(self.image, [pixels], isClosed=True, color=_LINE, thickness=self._stroke)
        if text:
            self.caption(text, corners)

    def marks(self, points: Floats) -> None:
        """Points without lines between them, [K, 2] or more columns."""
        for x, y in self._pixels(points).tolist():
            cv2.circle(self.image, (x, y), self._stroke, _LINE, cv2.FILLED, cv2.LINE_AA)

    def caption(self, text: str, points: Floats | None = None) -> None:
        """A line of text above a hand (or below, if there is no room), or in the corner."""
        scale = 0.35 * self._stroke
        (width, height), below = cv2.getTextSize(text, _FONT, scale, self._stroke)
        margin = 3 * self._stroke
        left, bottom = self._place(points, height + below + 2 * margin)
        left = max(0, min(left, self._width - width - 2 * margin))
        top = bottom - height - below - 2 * margin
        cv2.rectangle(self.image, (left, top), (left + width + 2 * margin, bottom), _PANEL, cv2.FILLED)
        at = (left + margin, bottom - below - margin)
        cv2.putText(self.image, text, at, _FONT, scale, _TEXT, self._stroke, cv2.LINE_AA)

    def _place(self, points: Floats | None, height: int) -> tuple[int, int]:
        if points is None:
            return 0, height
        pixels = self._pixels(points)
        left, top = (int(value) for value in pixels.min(axis=0))
        gap = 4 * self._stroke
        if top - gap >= height:
            return left, top - gap
        return left, min(int(pixels[:, 1].max()) + gap + height, self._height)

    def _skeleton(self, points: Floats, bones: Sequence[tuple[int, int]], seen: Iterable[int]) -> None:
        pixels = [(int(x), int(y)) for x, y in self._pixels(points)]
        drawn = set(seen)
        for start, end in bones:
            if start in drawn and end in drawn:
                cv2.line(self.image, pixels[start], pixels[end], _LINE, self._stroke, cv2.LINE_AA)
        for number in drawn:
            cv2.circle(self.image, pixels[number], 2 * self._stroke, _JOINT, cv2.FILLED, cv2.LINE_AA)
            cv2.circle(self.image, pixels[number], 2 * self._stroke, _LINE, self._stroke, cv2.LINE_AA)

    def _pixels(self, points: Floats) -> np.ndarray:
        return np.rint(points[:, :2] * (self._width, self._height)).astype(int)
