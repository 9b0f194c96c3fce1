# pyright: basic
"""MediaPipe Tasks: landmarks of hands and of a person in single photos, on the CPU.

Which hand it is: Tasks names the person's own left or right hand, given a photo that isn't mirrored (a
selfie camera's preview usually is). MediaPipe's older "solutions" said the opposite.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Generic, Protocol, TypeVar

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import (
    HandLandmarker,
    HandLandmarkerOptions,
    PoseLandmarker,
    PoseLandmarkerOptions,
)

from shared.errors import ModelUnusable
from workers.runtimes.contract import HAND_BUNDLE, FoundHand, Host
from workers.runtimes.pose_bundle import pose_bundle
from workers.vision.features import Floats
from workers.vision.images import Pixels

MOST_HANDS = 2


class _Closes(Protocol):
    def close(self) -> None: ...


Detector = TypeVar("Detector", bound=_Closes)


class _Pool(Generic[Detector]):
    """As many detectors as calls come at once: one detector runs one call after the other."""

    def __init__(self, make: Callable[[], Detector], size: int, name: str) -> None:
        self._free: LifoQueue[Detector] = LifoQueue()
        try:
            self._all = [make() for _ in range(size)]
        except (RuntimeError, ValueError, OSError) as error:
            msg = f"MediaPipe can't load {name}: {error}"
            raise ModelUnusable(msg) from error
        for detector in self._all:
            self._free.put(detector)

    @contextmanager
    def one(self) -> Generator[Detector]:
        """A detector for this thread alone."""
        detector = self._free.get()
        try:
            yield detector
        finally:
            self._free.put(detector)

    def close(self) -> None:
        """Waits for those at work. MediaPipe complains at the interpreter's end about what wasn't closed."""
        for _ in self._all:
            self._free.get().close()


class MediaPipeHands:
    """HandFinder."""

    def __init__(self, folder: Path, host: Host) -> None:
        path = str(folder / HAND_BUNDLE)
        options = HandLandmarkerOptions(BaseOptions(model_asset_path=path), num_hands=MOST_HANDS)
        self._pool = _Pool(lambda: HandLandmarker.create_from_options(options), host.slots, HAND_BUNDLE)

    def find(self, image: Pixels) -> list[FoundHand]:
        """See HandFinder."""
        with self._pool.one() as detector:
            result = detector.detect(_image(image))
        return [
            FoundHand(
                np.array([(point.x, point.y, point.z) for point in points], np.float32),
                "Left" if sides[0].category_name == "Left" else "Right",
                float(sides[0].score or 0.0),
            )
            for points, sides in zip(result.hand_landmarks, result.handedness, strict=True)
        ]

    def close(self) -> None:
        """See HandFinder."""
        self._pool.close()


class MediaPipePose:
    """PoseFinder."""

    def __init__(self, folder: Path, host: Host) -> None:
        options = PoseLandmarkerOptions(BaseOptions(model_asset_buffer=pose_bundle(folder)))
        self._pool = _Pool(lambda: PoseLandmarker.create_from_options(options), host.slots, "pose_landmarker")

    def find(self, image: Pixels) -> Floats | None:
        """See PoseFinder."""
        with self._pool.one() as detector:
            result = detector.detect(_image(image))
        if not result.pose_landmarks:
            return None
        person = result.pose_landmarks[0]
        return np.array([(point.x, point.y, point.z, point.visibility) for point in person], np.float32)

    def close(self) -> None:
        """See PoseFinder."""
        self._pool.close()


def _image(image: Pixels) -> mp.Image:
    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
