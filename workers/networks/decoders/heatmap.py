"""CenterFace: a map of faces' centres, with the size, the shift and five points of the face at each place."""

import numpy as np

from workers.networks.decoders.overlap import suppressed
from workers.networks.shapes import Array, Box, Detection, Outputs

IOU = 0.3
_STRIDE = 4
_POINTS = 5


def centre_faces(outputs: Outputs, threshold: float, width: int, height: int, iou: float = IOU) -> list[Detection]:
    """Maps of 1, 2, 2 and 10 channels, in this order: likely, log size, shift, points; y stands before x."""
    heat, sizes, shifts, points = (one.reshape(one.shape[-3:]) for one in outputs.values())
    down, across = np.nonzero(heat[0] >= threshold)
    scores = heat[0][down, across]
    size = np.exp(sizes[:, down, across]).T[:, ::-1] * _STRIDE
    centre = (np.stack([across, down], axis=1) + shifts[:, down, across].T[:, ::-1] + 0.5) * _STRIDE
    low = centre - size / 2
    whole = np.array([width, height], np.float32)
    corners = np.concatenate([low / whole, (low + size) / whole], axis=1)
    marks = _marks(points[:, down, across].T, low, size) / whole
    return [
        Detection(Box(*(float(one) for one in corners[i])), 0, float(scores[i]), marks[i].copy())
        for i in suppressed(corners, scores, iou)
    ]


def _marks(values: Array, low: Array, size: Array) -> Array:
    """``[N, 10]`` fractions of the face as ``[N, 5, 2]`` pixels."""
    fractions = values.reshape(-1, _POINTS, 2)[:, :, ::-1]
    return fractions * size[:, None] + low[:, None]
