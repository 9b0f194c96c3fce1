"""Frames for a session: the photos of a folder, or those of a video as GStreamer decodes it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from client.cli.output import WrongUsage

_PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_BETWEEN = b"\xff\xd9\xff\xd8"
"""The end of a JPEG and the beginning of the next; inside of one these bytes don't follow each other."""
_CHUNK = 65_536


def photos(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each photo by its name, in order. Raises WrongUsage where there are none."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PHOTOS)
    if not found:
        msg = f"{folder} has no {', '.join(sorted(_PHOTOS))} files"
        raise WrongUsage(msg)
    return ((path.name, path.read_bytes()) for path in found)


def video(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each frame as a JPEG, by its number. Raises WrongUsage without GStreamer, and for what it can't decode."""
    launch = shutil.which("gst-launch-1.0")
    if launch is None:
        msg = "--video needs GStreamer (gst-launch-1.0); install it, or give single frames with --photos"
        raise WrongUsage(msg)
    decoding = ["filesrc", f"location={path}", "!", "decodebin", "!", "videoconvert", "!", "jpegenc"]
    command = [launch, "--quiet", *decoding, "!", "fdsink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            number = -1
            for number, content in enumerate(_jpegs(process)):
                yield str(number), content
            if number < 0:
                raise WrongUsage(f"GStreamer finds no picture in {path}")
        finally:
            process.kill()


def _jpegs(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout  # noqa: S101  as it was started
    assert process.stderr  # noqa: S101  as it was started
    kept = b""
    while chunk := os.read(process.stdout.fileno(), _CHUNK):
        kept += chunk
        while (end := kept.find(_BETWEEN)) >= 0:
            yield kept[: end + 2]
            kept = kept[end + 2 :]
    if process.wait() != 0:
        raise WrongUsage(f"GStreamer can't decode it: {process.stderr.read()[-300:].decode(errors='replace')}")
    if kept:
        yield kept
