"""What is in a zip, tar or tar.gz archive, one entry after the other, and what of it isn't taken."""

import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from gzip import GzipFile
from pathlib import Path
from typing import IO, ClassVar, Literal, NamedTuple, cast

from shared.errors import FramelaneError

Kind = Literal[
    "corrupted", "unsupported", "encrypted", "unsafe_path", "not_a_file", "duplicate", "too_many", "too_large"
]

CHUNK = 1 << 16
"""Most that is read at a time."""

_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"
_END, _END_FORM = b"PK\x05\x06", struct.Struct("<4s4H2LH")
_END64, _END64_FORM = b"PK\x06\x06", struct.Struct("<4sQ2H2L4Q")
_UNSAID = 0xFFFF_FFFF
_LOCATOR_SIZE = 20
_COMMENT = 1 << 16
_NAMES_EACH = 512
"""Bytes of a zip's directory for each entry that may be in it: Python's library reads it as a whole."""


class ArchiveRefused(FramelaneError):
    """The archive isn't one that is unpacked here."""

    code: ClassVar[str] = "archive-refused"

    def __init__(self, kind: Kind, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Limits:
    """``entries`` with folders; ``total`` and ``each``: unpacked bytes; ``ratio``: of them to the packed ones."""

    entries: int = 10_000
    total: int = 4 << 30
    each: int = 4 << 30
    ratio: float = 100.0


class Entry(NamedTuple):
    """A file, or a folder if its name ends with a slash. ``refused``: why it isn't one that is taken."""

    name: str
    size: int
    refused: Kind | None
    open: Callable[[], IO[bytes]]


def shown(name: str) -> str:
    """A name for an error."""
    return ascii(name[:100])


def too_many(limits: Limits) -> ArchiveRefused:
    """The error."""
    return ArchiveRefused("too_many", f"the archive has more than {limits.entries} entries")


def too_large(limits: Limits) -> ArchiveRefused:
    """The error."""
    detail = f"unpacked it has more than {limits.total} bytes, or {limits.ratio:g} times as many as packed"
    return ArchiveRefused("too_large", detail)


@contextmanager
def entries(archive: Path, limits: Limits) -> Generator[Iterator[Entry]]:
    """What is in it; each entry is opened, if at all, before the next is asked for. Raises ArchiveRefused."""
    with ExitStack() as closing:
        file = closing.enter_context(archive.open("rb"))
        start = file.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
        file.seek(0)
        if start.startswith((b"PK\x03\x04", _END)):
            _require_small_directory(file, limits)
            yield _zipped(closing.enter_context(zipfile.ZipFile(file)), limits)
        elif start.startswith(b"\x1f\x8b"):
            yield _tarred(_Sips(closing.enter_context(GzipFile(fileobj=file))))
        elif start.endswith(_TAR_MAGIC):
            yield _tarred(_Sips(file))
        else:
            raise ArchiveRefused("unsupported", "neither a zip, nor a tar, nor a tar.gz archive")


def _require_small_directory(file: IO[bytes], limits: Limits) -> None:
    size = file.seek(0, os.SEEK_END)
    tail_at = max(size - _COMMENT - _END_FORM.size - _LOCATOR_SIZE - _END64_FORM.size, 0)
    file.seek(tail_at)
    tail = file.read()
    file.seek(0)
    # Which end record the library takes depends on its comment: each that it could take must be small.
    for at in {len(tail) - _END_FORM.size, tail.rfind(_END)}:
        if at >= 0 and max(_directory_sizes(tail, at)) > limits.entries * _NAMES_EACH:
            raise too_many(limits)


def _directory_sizes(tail: bytes, at: int) -> tuple[int, int]:
    """In bytes, as an end record and that for large archives before it say; 0 for one that isn't there."""
    small = large = 0
    if tail[at:].startswith(_END) and len(tail) - at >= _END_FORM.size:
        small = _END_FORM.unpack_from(tail, at)[5]
        small = 0 if small == _UNSAID else small
    at64 = at - _LOCATOR_SIZE - _END64_FORM.size
    if at64 >= 0 and tail[at64:].startswith(_END64):
        large = _END64_FORM.unpack_from(tail, at64)[8]
    return small, large


def _zipped(archive: zipfile.ZipFile, limits: Limits) -> Iterator[Entry]:
    members = archive.infolist()
    if len(members) > limits.entries:
        raise too_many(limits)
    if sum(info.file_size for info in members) > limits.total:
        raise too_large(limits)
    # The name as it is stored: the library cuts it at a NUL.
    return (
        Entry(info.orig_filename, info.file_size, _zip_refused(info), partial(archive.open, info))
        for info in members
    )


def _zip_refused(info: zipfile.ZipInfo) -> Kind | None:
    if info.flag_bits & 1:
        return "encrypted"
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG}:
        return "not_a_file"
    return None if info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} else "unsupported"


class _Sips:
    """A file read in small pieces only: extended headers of a tar are read as a whole, whatever they claim."""

    def __init__(self, file: IO[bytes] | GzipFile) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise ArchiveRefused("corrupted", "a header of the archive is too large")
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def _tarred(file: _Sips) -> Iterator[Entry]:
    with tarfile.open(fileobj=cast("IO[bytes]", file), mode="r:") as archive:
        while member := archive.next():
            vars(archive)["members"].clear()  # it would keep all
            plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not member.issparse()
            name = f"{member.name}/" if member.isdir() else member.name
            refused: Kind | None = None if plain or member.isdir() else "not_a_file"
            yield Entry(name, member.size, refused, partial(_content, archive, member))
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            # To the library, a header that can't be read is the end.
            raise ArchiveRefused("corrupted", "the archive is damaged: it breaks off")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    if content is None:
        raise ArchiveRefused("not_a_file", f"{shown(member.name)} has no content")
    return content
