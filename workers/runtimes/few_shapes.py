"""A classifier that is asked for any number of rows, and calls its runtime with a few numbers of them only.

oneDNN and OpenVINO prepare themselves for each shape anew: that takes milliseconds, and up to a megabyte that is
kept. Batches of a mixed crowd hold another number of rows each time.
"""

from collections.abc import Iterator

import numpy as np

from workers.runtimes.contract import GestureModel
from workers.vision.features import Floats, Lengths

BLOCK = 256
"""Rows, of which multiples are taken as they are; what is left of them is filled up to a power of two."""

MOST = 2_048
"""Rows of one call."""

STEPS = 8
"""Frames of a sequence are filled up to a multiple."""


class FewShapes:
    """A GestureModel over another."""

    def __init__(self, model: GestureModel) -> None:
        self._model = model
        self.runtime = model.runtime

    def predict(self, rows: Floats, lengths: Lengths | None = None) -> Floats:
        """See GestureModel."""
        if lengths is not None:
            rows = filled(rows, 1, -(-rows.shape[1] // STEPS) * STEPS)
        pieces = [
            self._piece(rows[first:last], None if lengths is None else lengths[first:last])
            for first, last in parts(len(rows))
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _piece(self, rows: Floats, lengths: Lengths | None) -> Floats:
        count = len(rows)
        size = filled_up(count)
        # What only fills up counts as sequences of one frame.
        lengths = None if lengths is None else filled(lengths, 0, size, 1)
        return self._model.predict(filled(rows, 0, size), lengths)[:count]


def parts(count: int) -> Iterator[tuple[int, int]]:
    """First and last row of each call; one of none, if there are none."""
    first = 0
    while (left := count - first) >= BLOCK:
        last = first + min(left // BLOCK * BLOCK, MOST)
        yield first, last
        first = last
    if left or not count:
        yield first, count


def filled_up(count: int) -> int:
    """Rows of the call for a part of so many."""
    return count if count >= BLOCK or count <= 1 else 1 << (count - 1).bit_length()


def filled(array: np.ndarray, axis: int, size: int, value: float = 0) -> np.ndarray:
    """The array with ``value`` behind it on one axis, up to that size; itself, if it has it."""
    if array.shape[axis] == size:
        return array
    shape = [size if number == axis else own for number, own in enumerate(array.shape)]
    full = np.full(shape, value, array.dtype)
    full[tuple(slice(own) for own in array.shape)] = array
    return full
