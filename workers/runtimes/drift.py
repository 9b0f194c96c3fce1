"""How far a variant's answers are from the original's. Numpy only."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import ModelUnusable
from shared.figures import Drift
from workers.networks.shapes import Detection

Array = npt.NDArray[np.generic]

Finds = Callable[[Sequence[Array]], Sequence[Detection]]
"""What a detector's outputs say."""

_OVERLAP = 0.5
_CLASSES = {"gesture", "classification", "ocr"}
"""Categories of which the largest number of a row is the answer."""


@dataclass(slots=True)
class Comparison:
    """Sums over all samples. ``category``: of the model; ``finds``: reads the outputs of a detector."""

    category: str
    worst: float = 0.0
    total: float = 0.0
    numbers: int = 0
    rows: int = 0
    agreed: int = 0
    finds: Finds | None = None
    boxes: int = 0
    matched: int = 0
    product: float = 0.0
    squares: tuple[float, float] = (0.0, 0.0)

    def add(self, expected: Sequence[Array], got: Sequence[Array]) -> None:
        """One sample's outputs. Raises ModelUnusable for numbers that are none."""
        for one, other in zip(expected, got, strict=True):
            if one.shape != other.shape:  # as many rows as there are finds
                continue
            left, right = one.astype(np.float64), other.astype(np.float64)
            difference = np.abs(left - right)
            if not np.isfinite(difference).all():
                msg = "it answers numbers that aren't finite"
                raise ModelUnusable(msg)
            self.worst = max(self.worst, float(difference.max(initial=0.0)))
            self.total += float(difference.sum())
            self.numbers += difference.size
            self.product += float((left * right).sum())
            self.squares = self.squares[0] + float((left**2).sum()), self.squares[1] + float((right**2).sum())
        if self.category in _CLASSES and len(expected) == 1 and expected[0].shape == got[0].shape:
            same = expected[0].argmax(-1) == got[0].argmax(-1)
            self.rows += same.size
            self.agreed += int(same.sum())

        if self.finds is not None:
            self._match(self.finds(expected), self.finds(got))

    def _match(self, expected: Sequence[Detection], got: Sequence[Detection]) -> None:
        left = list(got)
        for one in expected:
            same = (each for each in left if each.label_id == one.label_id)
            best = max(same, key=lambda each: each.box.overlap(one.box), default=None)
            if best is not None and best.box.overlap(one.box) >= _OVERLAP:
                left.remove(best)
                self.matched += 2
        self.boxes += len(expected) + len(got)

    def _similarity(self) -> float | None:
        length = math.sqrt(self.squares[0] * self.squares[1])
        return min(self.product / length, 1.0) if length else None

    def drift(self, samples: int, said: str) -> Drift | None:
        """None where nothing could be compared."""
        if not self.numbers:
            return None
        return Drift(
            samples=samples,
            inputs=said,
            max_abs=self.worst,
            mean_abs=self.total / self.numbers,
            top1_agreement=self.agreed / self.rows if self.rows else None,
            boxes_agreement=self.matched / self.boxes if self.boxes else None,
            similarity=self._similarity(),
        )


def compared(
    category: str,
    pairs: Iterable[tuple[Sequence[Array], Sequence[Array]]],
    said: str,
    finds: Finds | None = None,
) -> Drift | None:
    """Of the original's and the variant's outputs of each sample. Raises ModelUnusable."""
    comparison, samples = Comparison(category, finds=finds), 0
    for expected, got in pairs:
        comparison.add(expected, got)
        samples += 1
    return comparison.drift(samples, said)
