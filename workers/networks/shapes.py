"""Boxes, and what decoders make of a network's outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Box:
    """Corners as fractions of the frame's width and height."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def clipped(self) -> "Box":
        """Within the frame."""
        low, high = 0.0, 1.0
        return Box(
            min(max(self.x_min, low), high),
            min(max(self.y_min, low), high),
            min(max(self.x_max, low), high),
            min(max(self.y_max, low), high),
        )

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """``x, y, w, h``, each rounded half up, as DL Streamer does."""
        return (
            int(self.x_min * width + 0.5),
            int(self.y_min * height + 0.5),
            int((self.x_max - self.x_min) * width + 0.5),
            int((self.y_max - self.y_min) * height + 0.5),
        )

    def within(self, outer: "Box") -> "Box":
        """This box, given as fractions of ``outer``, as fractions of the frame."""
        width, height = outer.x_max - outer.x_min, outer.y_max - outer.y_min
        return Box(
            outer.x_min + self.x_min * width,
            outer.y_min + self.y_min * height,
            outer.x_min + self.x_max * width,
            outer.y_min + self.y_max * height,
        )

    def overlap(self, other: "Box") -> float:
        """Area of the intersection by area of the union; 0 if there is none."""
        width = min(self.x_max, other.x_max) - max(self.x_min, other.x_min)
        height = min(self.y_max, other.y_max) - max(self.y_min, other.y_min)
        if width <= 0.0 or height <= 0.0:
            return 0.0
        return width * height / (self.area + other.area - width * height)

    @property
    def area(self) -> float:
        """Fraction of the frame."""
        return (self.x_max - self.x_min) * (self.y_max - self.y_min)


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """An output of a model: raw (``data`` alone) or read as a label."""

    name: str
    model: str
    layer: str = ""
    format: str = ""
    label: str | None = None
    label_id: int | None = None
    confidence: float | None = None
    data: Array | None = None

    def floats(self) -> list[float]:
        """The data, flat."""
        return [] if self.data is None else np.asarray(self.data).ravel().tolist()


@dataclass(frozen=True, slots=True)
class Detection:
    """What a decoder found, in fractions of the model's input.

    ``points``: ``[K, 2]``, or ``[K, 3]`` with how likely each is seen. ``corners``: ``[4, 2]`` of a box that may
    be turned, clockwise from the upper left one.
    """

    box: Box
    label_id: int
    confidence: float
    points: Array | None = field(default=None, compare=False)
    corners: Array | None = field(default=None, compare=False)


Outputs = Mapping[str, Array]
"""Of one item of the batch, by the name of the layer; the batch dimension is kept with size 1."""
