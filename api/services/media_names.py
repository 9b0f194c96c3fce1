"""Names of media: what a file may be called, and what it is called in the library. Pure."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Literal

from shared.media import MediumKind
from shared.media_errors import (
    InvalidArchiveName,
    MissingFilename,
    UnsupportedArchiveFormat,
    UnsupportedExtension,
)

VIDEOS = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "264", "h264", "avc", "265", "h265", "hevc")
PHOTOS = ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff")
ARCHIVES = ("zip", "tar", "tar.gz", "tgz")

Family = Literal["videos", "images"]

KINDS: Mapping[Family, frozenset[MediumKind]] = {
    "videos": frozenset({"video"}),
    "images": frozenset({"photo", "image_set"}),
}
"""By the path below which they are."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def kind_of(family: Family, filename: str) -> MediumKind:
    """By the file's ending. Raises MissingFilename, UnsupportedExtension, UnsupportedArchiveFormat."""
    base = base_of(filename)
    if not base:
        msg = "the part 'file' has no filename; its ending says what it is"
        raise MissingFilename(msg)
    if family == "videos":
        if not _ends(base, VIDEOS):
            raise UnsupportedExtension(f"{_shown(base)} isn't taken as a video; taken are {', '.join(VIDEOS)}")
        return "video"
    if _ends(base, ARCHIVES):
        return "image_set"
    if not _ends(base, PHOTOS):
        msg = f"{_shown(base)} isn't taken: photos are {', '.join(PHOTOS)}; image sets are {', '.join(ARCHIVES)}"
        raise UnsupportedArchiveFormat(msg)
    return "photo"


def name_of(kind: MediumKind, filename: str) -> str:
    """What a file becomes in the library if nobody names it. Raises InvalidArchiveName, MissingFilename."""
    base = base_of(filename)
    endings = ARCHIVES if kind == "image_set" else VIDEOS if kind == "video" else PHOTOS
    stem = next(
        (base[: -len(each) - 1] for each in sorted(endings, key=len, reverse=True) if _ends(base, (each,))), base
    )
    if kind == "image_set":
        if not _NAME.match(stem):
            msg = f"{_shown(stem)} can't be a name: letters, digits, dot, dash and underscore; say another as name"
            raise InvalidArchiveName(msg)
        return stem
    name = _ODD.sub("-", stem).strip("-._")[:100]
    if not name:
        msg = f"{_shown(filename)} leaves no name; say one as name"
        raise MissingFilename(msg)
    return name


def base_of(filename: str) -> str:
    """The last segment, whatever system the name is from."""
    return PurePosixPath(filename.replace("\\", "/")).name.strip()


def _ends(base: str, endings: tuple[str, ...]) -> bool:
    return any(base.lower().endswith(f".{each}") for each in endings)


def _shown(name: str) -> str:
    return ascii(name[:100])
