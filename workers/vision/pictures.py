# pyright: basic
"""Some pictures out of photos, image sets and videos of the library, evenly spread over all of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from shared.errors import InputUnreadable
from workers.vision.images import Pixels, decode

_PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


class Pictures:
    """At most ``count`` pictures of ``media``, RGB; ``phase``: others for another number, as far as there are.

    ``media``: files by names, or folders of images. ``said`` names them. Raises InputUnreadable where there is no
    picture at all.
    """

    def __init__(self, media: Mapping[str, Path], count: int, phase: int = 0) -> None:
        self.said = ", ".join(media)
        lengths = [_length(path) for path in media.values()]
        total = sum(lengths)
        if not total:
            raise InputUnreadable(f"there are no pictures in {self.said}")
        count = min(count, total)
        shift = phase * 0.5 % 1
        chosen = {int((number + shift) * total / count) for number in range(count)}
        self._parts: list[tuple[Path, list[int]]] = []
        begin = 0
        for path, length in zip(media.values(), lengths, strict=True):
            numbers = sorted(number - begin for number in chosen if begin <= number < begin + length)
            self._parts.append((path, numbers))
            begin += length
        self._count = len(chosen)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Pixels]:
        for path, numbers in self._parts:
            yield from _taken(path, numbers)


def _length(path: Path) -> int:
    if path.is_dir():
        return len(_images(path))
    if path.suffix.lower() in _PHOTOS:
        return 1
    video = cv2.VideoCapture(str(path))
    try:
        return max(int(video.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
    finally:
        video.release()


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _PHOTOS)


def _taken(path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
    if path.is_dir():
        images = _images(path)
        yield from (decode(images[number].read_bytes(), images[number].name) for number in numbers)
    elif path.suffix.lower() in _PHOTOS:
        yield from (decode(path.read_bytes(), path.name) for _ in numbers)
    elif numbers:
        yield from _of_video(path, set(numbers))


def _of_video(path: Path, numbers: set[int]) -> Iterator[Pixels]:
    video = cv2.VideoCapture(str(path))
    try:
        for number in range(max(numbers) + 1):
            if not video.grab():
                return
            if number in numbers:
                read, frame = video.retrieve()
                if read:
                    yield np.ascontiguousarray(frame[:, :, ::-1], np.uint8)
    finally:
        video.release()
