"""Small pictures of what is in a file."""

from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]

_WIDTH, _HEIGHT = 320, 320
_QUALITY = 80


def save_thumbnail(image: Pixels, path: Path) -> None:
    """Of a BGR image, as JPEG, at most 320 pixels wide and high. Raises OSError."""
    height, width = image.shape[:2]
    scale = min(_WIDTH / width, _HEIGHT / height, 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        msg = "the thumbnail can't be encoded"
        raise OSError(msg)
    path.write_bytes(content.tobytes())
