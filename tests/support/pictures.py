"""Pictures for networks: made here, or taken from where real ones are."""

import base64
from typing import Any

import cv2
import numpy as np


def page(*lines: str, height: int = 480, width: int = 640, turn: float = 0.0) -> np.ndarray:
    """[height, width, 3], black lines of text on white, all turned by so many degrees."""
    image = np.full((height, width, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        cv2.putText(
            image, line, (60, 120 + 100 * number), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3, cv2.LINE_AA
        )
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
    return cv2.warpAffine(image, turned, (width, height), borderValue=(255, 255, 255))


def png(image: np.ndarray) -> bytes:
    """BGR or grey, lossless."""
    return cv2.imencode(".png", image)[1].tobytes()


def data(content: bytes) -> dict[str, Any]:
    """As an input of a job."""
    return {"data": base64.b64encode(content).decode()}


def frame_of(video: str, number: int) -> np.ndarray:
    """A frame of a video, BGR."""
    capture = cv2.VideoCapture(video)
    capture.set(cv2.CAP_PROP_POS_FRAMES, number)
    found, image = capture.read()
    capture.release()
    assert found
    return image
