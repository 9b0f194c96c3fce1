"""The helper's own side: limits first, then the libraries."""

import os
import resource
import sys
from pathlib import Path

from workers.looking import Limits, Refusal, Seen

_THUMBNAIL_BYTES = 4 * 1024 * 1024


def main(kind: str, path: Path, thumbnail: Path, limits: Limits) -> Seen:
    """Look, and write the thumbnail, a JPEG. No other file can be written, and no other process started."""
    _restrict(limits)
    if kind == "video":
        from workers.looking.videos import look_at_video

        return look_at_video(path, thumbnail, limits)
    from workers.looking.pictures import look_at_photo, look_at_set

    return look_at_photo(path, thumbnail, limits) if kind == "photo" else look_at_set(path, thumbnail, limits)


def _restrict(limits: Limits) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, _THUMBNAIL_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (limit, limit))
    # What calls itself a video may be a list of other files, or of addresses.
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file|threads;1"
    os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(limits.pixels)


def _said(arguments: list[str]) -> Seen:
    kind, path, thumbnail, limits = arguments
    try:
        return main(kind, Path(path), Path(thumbnail), Limits.model_validate_json(limits))
    except Refusal as error:
        return Seen(refused=error.code, detail=str(error))


if __name__ == "__main__":
    sys.stdout.write(f"\n{_said(sys.argv[1:]).model_dump_json()}\n")
