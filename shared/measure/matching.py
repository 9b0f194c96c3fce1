"""Whether two pipelines found the same objects."""

from collections.abc import Sequence
from dataclasses import dataclass

IOU = 0.5
"""Intersection over union from which two boxes are of the same object, as PASCAL VOC counts."""


@dataclass(frozen=True, slots=True)
class Box:
    """An object in a frame: label and corners, in any one unit."""

    label: str
    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Objects found by both, only expected (missed), only found (extra)."""

    both: int
    missed: int
    extra: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall in [0, 1]; 1 where nothing was expected and nothing found."""
        total = 2 * self.both + self.missed + self.extra
        return 2 * self.both / total if total else 1.0

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.both + other.both, self.missed + other.missed, self.extra + other.extra)


def iou(a: Box, b: Box) -> float:
    """Intersection over union, in [0, 1]."""
    width = min(a.x_max, b.x_max) - max(a.x_min, b.x_min)
    height = min(a.y_max, b.y_max) - max(a.y_min, b.y_min)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(a) + _area(b) - shared)


def agree(expected: Sequence[Box], found: Sequence[Box], least: float = IOU) -> Agreement:
    """One frame: boxes of one label are paired greedily, the greatest overlap first; each at most once."""
    pairs = sorted(
        (
            (overlap, i, j)
            for i, one in enumerate(expected)
            for j, other in enumerate(found)
            if one.label == other.label and (overlap := iou(one, other)) >= least
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    used_i, used_j = set[int](), set[int]()
    for _, i, j in pairs:
        if i not in used_i and j not in used_j:
            used_i.add(i)
            used_j.add(j)
    return Agreement(len(used_i), len(expected) - len(used_i), len(found) - len(used_j))


def _area(box: Box) -> float:
    return (box.x_max - box.x_min) * (box.y_max - box.y_min)
