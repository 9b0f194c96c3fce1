"""Small videos made on the spot, and the real ones of the catalogue, fetched once per machine."""

from pathlib import Path

import cv2
import numpy as np

from tests.support import shipped
from tests.support.models import cache_folder, once
from workers.hubs.fetcher import Fetcher
from workers.model_store import file_sha256


def make_video(path: Path, frames: int = 12, size: tuple[int, int] = (64, 48), fps: int = 10) -> Path:
    """MPEG-4 in an mp4."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), number * 10 % 256, np.uint8))
    writer.release()
    return path


def real_video(name: str) -> Path:
    """The file of a medium of the catalogue that ships."""
    entry = shipped.media().by_name[name]

    def fetch(folder: Path) -> None:
        Fetcher(folder / "sources").fetch(entry.file, folder / entry.file.name, _Silent())
        assert file_sha256(folder / entry.file.name) == entry.file.sha256

    return once(cache_folder(), f"medium-{entry.file.sha256[:12]}", fetch) / entry.file.name


class _Silent:
    def transferred(self, done: int, total: int | None) -> None:
        """Nobody looks."""
