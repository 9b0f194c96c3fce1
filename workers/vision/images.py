# pyright: basic
"""Photos as arrays, and back."""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InputUnreadable

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


def to_jpeg(image: Pixels) -> bytes:
    """JPEG, without metadata."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()
