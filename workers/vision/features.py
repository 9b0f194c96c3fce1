"""From landmarks to what the networks were trained on, for any number of rows at once.

A row is 63 numbers: x, y, z of 21 hand points. A frame is 258: 33 pose points (x, y, z, visibility), then the
left hand's and the right hand's 63. All arrays are float32.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shared.inputs import FRAME_COLUMNS, HAND_POINTS, LANDMARK_COLUMNS, POSE_POINTS

Floats: TypeAlias = npt.NDArray[np.float32]
Lengths: TypeAlias = npt.NDArray[np.int64]

WORD_FRAMES = 40
"""A word model looks at this many frames at most."""

_POSE = POSE_POINTS * 4
_SCALE_POINT = 9  # the middle finger's knuckle; its distance from the wrist is the unit of length
_NO_SCALE = 1e-6  # a hand smaller than this has collapsed to a point

# Where each pose point stands in a mirror: nose, the eyes' three points, then ears to toes in pairs.
_MIRRORED_POSE = [
    0,
    4,
    5,
    6,
    1,
    2,
    3,
    *(left + 1 - shift for left in range(7, POSE_POINTS, 2) for shift in (0, 1)),
]


def hand_features(rows: Floats) -> Floats:
    """[N, 63] landmarks relative to the wrist, in units of wrist to middle-finger knuckle: [N, 63]."""
    points = rows.reshape(-1, HAND_POINTS, 3)
    centred = np.empty_like(points)
    for axis in range(3):  # along the points: along so few coordinates numpy takes twice as long
        np.subtract(points[:, :, axis], points[:, :1, axis], out=centred[:, :, axis])
    scale = np.linalg.norm(centred[:, _SCALE_POINT], axis=1)
    scale[scale <= _NO_SCALE] = 1.0
    centred /= scale[:, None, None]
    return centred.reshape(-1, LANDMARK_COLUMNS)


def word_features(sequences: Sequence[Floats]) -> tuple[Floats, Lengths]:
    """[T, 258] frames of each sequence as [N, longest, 258], cut to 40 and padded with zeros, and true lengths.

    Both hands are centred on the first left-hand point of the first frame and scaled by its distance to point 9;
    the pose stays as it is.
    """
    lengths = np.array([min(len(frames), WORD_FRAMES) for frames in sequences], dtype=np.int64)
    padded = np.zeros((len(sequences), int(lengths.max()), FRAME_COLUMNS), dtype=np.float32)
    for number, frames in enumerate(sequences):
        padded[number, : lengths[number]] = _word_frames(frames[:WORD_FRAMES])
    return padded, lengths


def _word_frames(frames: Floats) -> Floats:
    hands = frames[:, _POSE:].reshape(len(frames), -1, 3)
    centred = hands - hands[0, 0]
    scale = float(np.linalg.norm(centred[0, _SCALE_POINT]))
    if scale > _NO_SCALE:
        centred /= np.float32(scale)
    return np.concatenate([frames[:, :_POSE], centred.reshape(len(frames), -1)], axis=1)


def mirror_rows(rows: Floats) -> Floats:
    """The same hands seen in a mirror: x becomes 1 - x."""
    mirrored = rows.copy()
    mirrored[:, 0::3] = 1 - mirrored[:, 0::3]
    return mirrored


def mirror_frames(frames: Floats) -> Floats:
    """The same movement seen in a mirror: x becomes 1 - x, left and right trade places; absent parts stay so."""
    pose = frames[:, :_POSE].reshape(-1, POSE_POINTS, 4)[:, _MIRRORED_POSE]
    left = frames[:, _POSE : _POSE + LANDMARK_COLUMNS].reshape(-1, HAND_POINTS, 3)
    right = frames[:, _POSE + LANDMARK_COLUMNS :].reshape(-1, HAND_POINTS, 3)
    parts = [_flip(part).reshape(len(frames), -1) for part in (pose, right, left)]
    return np.concatenate(parts, axis=1)


def _flip(part: Floats) -> Floats:
    flipped = part.copy()
    seen = part.any(axis=(1, 2))
    flipped[seen, :, 0] = 1 - flipped[seen, :, 0]
    return flipped
