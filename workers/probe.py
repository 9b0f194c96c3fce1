"""What is in a video file, looked at by a process of its own: ``python -m workers.probe FILE``.

Demuxers crash on files that were made to crash them; then one helper is lost, not a worker.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from shared.errors import InputUnreadable
from workers.processes import ProcessFailed, run_watched

_CODECS = {
    "h264": ("avc1", "avc3", "h264", "x264"),
    "h265": ("hev1", "hvc1", "hevc", "h265"),
    "mjpeg": ("mjpg", "jpeg"),
    "mpeg4": ("mp4v", "fmp4", "xvid", "divx"),
    "vp8": ("vp80", "vp08"),
    "vp9": ("vp90", "vp09"),
    "av1": ("av01",),
}
_MAGIC = (
    (4, b"ftyp", "mp4"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (8, b"AVI ", "avi"),
    (0, b"G", "mpegts"),
    (0, b"FLV", "flv"),
)


class Probed(BaseModel):
    """As ``InstalledMedium`` says it; ``container`` and ``codec`` are empty where they aren't known."""

    container: str
    codec: str
    width: int
    height: int
    fps: float
    frames: int

    @property
    def duration_s(self) -> float:
        """0 where the rate isn't known."""
        return round(self.frames / self.fps, 3) if self.fps else 0.0


def probe(path: Path, check: Callable[[], None]) -> Probed:
    """Raises InputUnreadable for what isn't a video, and what ``check`` raises."""
    said: list[str] = []
    try:
        run_watched([sys.executable, "-m", "workers.probe", str(path)], check, said.append)
    except ProcessFailed as error:
        raise InputUnreadable(f"{path.name} isn't a video that can be read") from error
    return Probed.model_validate_json(said[-1])


def look(path: Path) -> Probed:
    """In this process. Raises ValueError."""
    import cv2

    video = cv2.VideoCapture(str(path))
    if not video.isOpened() or not video.grab():
        raise ValueError(path.name)
    number = int(video.get(cv2.CAP_PROP_FOURCC))
    return Probed(
        container=_container(path),
        codec=_codec(number.to_bytes(4, "little", signed=number < 0).decode("latin-1")),
        width=int(video.get(cv2.CAP_PROP_FRAME_WIDTH)),
        height=int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        fps=round(max(video.get(cv2.CAP_PROP_FPS), 0.0), 3),
        frames=max(int(video.get(cv2.CAP_PROP_FRAME_COUNT)), 0),
    )


def _container(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    return next((name for at, magic, name in _MAGIC if head[at : at + len(magic)] == magic), "")


def _codec(fourcc: str) -> str:
    found = fourcc.lower()
    return next((name for name, codes in _CODECS.items() if found in codes), found.strip("\0 "))


if __name__ == "__main__":
    sys.stdout.write(look(Path(sys.argv[1])).model_dump_json() + "\n")
