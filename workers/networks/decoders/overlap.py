"""Of boxes that mean the same object, the surest."""

import numpy as np

from workers.networks.shapes import Array


def suppressed(corners: Array, scores: Array, iou: float) -> list[int]:
    """Indices of what stays, surest first. Classes don't matter, as in DL Streamer: one place, one object."""
    order = np.argsort(-scores, kind="stable")
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    kept: list[int] = []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(int(first))
        low = np.maximum(corners[rest, :2], corners[first, :2])
        high = np.minimum(corners[rest, 2:], corners[first, 2:])
        common = np.clip(high - low, 0, None).prod(axis=1)
        union = areas[rest] + areas[first] - common
        order = rest[common <= iou * union]
    return kept
