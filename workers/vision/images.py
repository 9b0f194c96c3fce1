# pyright: basic
"""Photos as arrays, and back."""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InputUnreadable

Floats: TypeAlias = npt.NDArray[np.float32]
Pixels: TypeAlias = npt.NDArray[np.uint8]
"""A photo: [height, width, 3], RGB."""

_QUALITY = 90


def decode(content: bytes, name: str) -> Pixels:
    """The photo, upright as its EXIF says. Raises InputUnreadable, naming the input as ``name``."""
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        msg = f"{name} can't be decoded as an image: {error.err}"
        raise InputUnreadable(msg) from error
    if image is None:
        msg = f"{name} can't be decoded as an image"
        raise InputUnreadable(msg)
    return image.astype(np.uint8, copy=False)


def flipped(image: Pixels) -> Pixels:
    """Left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


_TALL = 1.5


def straightened(image: Pixels, corners: Floats) -> Pixels:
    """The part inside of four corners in pixels, [4, 2], clockwise from where the upper left one shall be.

    One much taller than wide is taken for a line that stands upright, and laid down.
    """
    across = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = max(int(across[[0, 2]].max()), 1), max(int(across[[1, 3]].max()), 1)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    part = cv2.warpPerspective(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.rot90(part) if height >= _TALL * width else part, np.uint8)


def to_jpeg(image: Pixels) -> bytes:
    """JPEG, without metadata."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()
