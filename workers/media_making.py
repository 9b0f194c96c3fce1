"""From a file whose content nobody knows yet to a medium of the library."""

import mimetypes
import re
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from shared.media import MediumKind, content_key, thumbnail_key
from shared.media_errors import (
    ArchiveContainsSubdirectories,
    ArchiveCorrupted,
    ArchiveUncompressedTooLarge,
    UnsafeArchivePath,
    UnsupportedArchiveFormat,
)
from shared.media_library import Content
from shared.results import InstalledFile, InstalledMedium
from shared.settings import Settings
from workers.archives import ArchiveRefused, Limits, extract
from workers.looking import Seen
from workers.model_store import file_sha256
from workers.probe import limits_of, probe

_JPEG = "image/jpeg"
_DIGITS = re.compile(r"([0-9]+)")
_RATIO = 100.0
_REFUSED = {
    "unsupported": UnsupportedArchiveFormat,
    "encrypted": UnsupportedArchiveFormat,
    "corrupted": ArchiveCorrupted,
    "duplicate": UnsafeArchivePath,
    "unsafe_path": UnsafeArchivePath,
    "not_a_file": UnsafeArchivePath,
    "too_many": ArchiveUncompressedTooLarge,
    "too_large": ArchiveUncompressedTooLarge,
}


@dataclass(frozen=True, slots=True)
class Raw:
    """A file as it came. ``listed``: it is of the catalogue, which pins it. ``sha256``: where it is known."""

    path: Path
    name: str
    kind: MediumKind
    licence: str
    listed: bool = False
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A medium, and what is to be stored of it."""

    medium: InstalledMedium
    contents: Sequence[Content]


def make(raw: Raw, folder: Path, settings: Settings, check: Callable[[], None]) -> Made:
    """Look into it, in the empty ``folder``. Raises what ``shared/media_errors.py`` has."""
    thumbnail = folder / "thumbnail.jpg"
    limits = limits_of(settings, raw.kind, listed=raw.listed)
    if raw.kind == "image_set":
        images = folder / "images"
        _unpack(raw.path, images, settings, check)
        seen = probe(raw.kind, images, thumbnail, limits, check)
        path = folder / f"{raw.name}.tar"
        _pack(images, path, seen.suffix, check)
        seen = seen.model_copy(update={"suffix": ".tar"})
        raw = replace(raw, path=path, sha256="")
    else:
        seen = probe(raw.kind, raw.path, thumbnail, limits, check)
    return _described(raw, thumbnail, seen, check)


def _unpack(archive: Path, target: Path, settings: Settings, check: Callable[[], None]) -> None:
    media = settings.media
    target.mkdir()
    limits = Limits(entries=media.images, total=media.set_bytes, each=media.set_bytes, ratio=_RATIO)
    try:
        extract(archive, target, limits, check)
    except ArchiveRefused as error:
        raise _REFUSED[error.kind](error.detail) from error
    if folders := sorted(each.name for each in target.iterdir() if each.is_dir()):
        msg = f"{folders[0][:100]!a} is a folder; put the images themselves into the archive"
        raise ArchiveContainsSubdirectories(msg)


def _pack(images: Path, target: Path, suffix: str, check: Callable[[], None]) -> None:
    """The same images make the same file, whatever they were packed in; numbered in the order of their names."""
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, path in enumerate(sorted(images.iterdir(), key=_natural), 1):
            check()
            entry = tarfile.TarInfo(f"image_{number:05d}{suffix}")
            entry.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(entry, content)
            path.unlink()


def _natural(path: Path) -> list[tuple[int, str]]:
    """``a2`` before ``a10``."""
    return [(int(each), "") if each.isdecimal() else (-1, each) for each in _DIGITS.split(path.name)]


def _described(raw: Raw, thumbnail: Path, seen: Seen, check: Callable[[], None]) -> Made:
    name = raw.name.removesuffix(seen.suffix) + seen.suffix
    sha256 = raw.sha256 or file_sha256(raw.path, check)
    file = InstalledFile(name=name, size=raw.path.stat().st_size, sha256=sha256)
    small = InstalledFile(name=thumbnail.name, size=thumbnail.stat().st_size, sha256=file_sha256(thumbnail))
    origin: Literal["catalogue", "upload"] = "catalogue" if raw.listed else "upload"
    medium = InstalledMedium(
        name=raw.name,
        version=file.sha256[:16],
        kind=raw.kind,
        file=file,
        **seen.model_dump(include={"container", "codec", "width", "height", "fps", "frames"}),
        duration_s=seen.duration_s,
        licence=raw.licence,
        installed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        thumbnail=small,
        origin=origin,
    )
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Made(
        medium,
        [
            Content(content_key(file.sha256), raw.path, file, media_type),
            Content(thumbnail_key(file.sha256), thumbnail, small, _JPEG),
        ],
    )
