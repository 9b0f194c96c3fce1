"""Unpacking what strangers packed: zip, tar and tar.gz, regular files only, counted while they are written.

Nothing is believed that an archive says of itself: names, kinds and numbers are checked before a file is opened,
and bytes are counted as they come out.
"""

import os
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from gzip import BadGzipFile
from pathlib import Path, PurePosixPath
from typing import IO

from workers.packed import CHUNK, ArchiveRefused, Entry, Kind, Limits, entries, shown, too_large, too_many

__all__ = ["ArchiveRefused", "Limits", "checked_path", "extract"]

_NAME = 255
_DEPTH = 16
_RATIO_FLOOR = 1 << 20
"""Bytes that anything may be unpacked to."""

_REFUSED: dict[Kind, str] = {
    "encrypted": "is encrypted",
    "not_a_file": "is neither a regular file nor a folder",
    "unsupported": "is packed in a way that isn't read here",
}
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    BadGzipFile,
    EOFError,
    RecursionError,
    struct.error,
    ValueError,
)


def extract(archive: Path, target: Path, limits: Limits, check: Callable[[], None]) -> list[Path]:
    """Unpack into the empty folder ``target``; the files, in the archive's order, with their paths in it.

    ``check`` is called for each entry and each 64 KiB, and may raise to end it. What was written before something
    was refused stays: it is the caller's folder. Raises ArchiveRefused and OSError.
    """
    writer = _Writer(target, limits, archive.stat().st_size, check)
    try:
        with entries(archive, limits) as members:
            for entry in members:
                writer.write(entry)
    except _DAMAGED as error:
        raise ArchiveRefused("corrupted", f"the archive is damaged: {error}") from error
    return writer.written


class _Writer:
    """Checks and writes entries one by one."""

    def __init__(self, target: Path, limits: Limits, packed: int, check: Callable[[], None]) -> None:
        self.written: list[Path] = []
        self._target = target
        self._limits = limits
        self._check = check
        self._left = min(limits.total, max(int(packed * limits.ratio), _RATIO_FLOOR))
        self._seen = set[str]()
        self._count = 0

    def write(self, entry: Entry) -> None:
        self._check()
        self._count += 1
        if self._count > self._limits.entries:
            raise too_many(self._limits)
        if entry.refused:
            raise ArchiveRefused(entry.refused, f"{shown(entry.name)} {_REFUSED[entry.refused]}")
        path = checked_path(entry.name)
        if entry.name.endswith("/"):
            return
        self._claim(path)
        self._require_room(entry.name, entry.size)
        place = self._target / path
        with _new_file(place, entry.name) as file, entry.open() as content:
            self._copy(entry, content, file)
        self.written.append(place)

    def _claim(self, path: PurePosixPath) -> None:
        # Some file systems take names for the same that differ in case, or in how an accent is written.
        folded = unicodedata.normalize("NFKC", str(path)).casefold()
        if folded in self._seen:
            raise ArchiveRefused("duplicate", f"{shown(str(path))} is there twice")
        self._seen.add(folded)

    def _copy(self, entry: Entry, content: IO[bytes], file: IO[bytes]) -> None:
        size = 0
        while chunk := content.read(CHUNK):
            self._check()
            size += len(chunk)
            self._require_room(entry.name, size)
            file.write(chunk)
        if size != entry.size:
            raise ArchiveRefused("corrupted", f"{shown(entry.name)} isn't as long as the archive says")
        self._left -= size

    def _require_room(self, name: str, size: int) -> None:
        if size < 0:
            raise ArchiveRefused("corrupted", f"{shown(name)} has less than no bytes")
        if size > self._limits.each:
            raise ArchiveRefused("too_large", f"{shown(name)} has more than {self._limits.each} bytes")
        if size > self._left:
            raise too_large(self._limits)


def checked_path(name: str) -> PurePosixPath:
    """The path of a member that stays inside on any system. Raises ArchiveRefused."""
    parts = name.removesuffix("/").split("/")
    while len(parts) > 1 and parts[0] == ".":  # as tar writes it
        parts = parts[1:]
    rooted = parts == ["."] and name == "./"
    broken = (
        any(part in {"", ".."} or (part == "." and not rooted) or len(os.fsencode(part)) > _NAME for part in parts)
        or len(parts) > _DEPTH
        or any(character in "\\:" or not character.isprintable() for character in name)
    )
    if broken:
        raise ArchiveRefused("unsafe_path", f"{shown(name)} isn't a path inside the archive")
    return PurePosixPath(*parts)


def _new_file(place: Path, name: str) -> IO[bytes]:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # Nothing that is there already is written to, or through.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.fdopen(os.open(place, flags, 0o600), "wb")
    except (FileExistsError, NotADirectoryError) as error:
        raise ArchiveRefused("duplicate", f"{shown(name)} is a file and a folder") from error
