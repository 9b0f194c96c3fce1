"""Writes the parts of a backup."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedRandom
from types import TracebackType
from typing import Self

from shared.adapters.backup.shelves import Shelf
from shared.backup import Part, PartKind

PART_BYTES = 64 * 1024 * 1024
"""A part that has so much is ended. A single entry may be larger."""


class Parts:
    """Entries of one kind, one after the other, in parts of about ``part_bytes``; whole once it is left."""

    def __init__(
        self, shelf: Shelf, kind: PartKind, suffix: str, *, end: bytes = b"", part_bytes: int = PART_BYTES
    ) -> None:
        """``end``: what the last entry of each part is followed by."""
        self.done: list[Part] = []
        self._shelf = shelf
        self._kind: PartKind = kind
        self._suffix = suffix
        self._end = end
        self._part_bytes = part_bytes
        self._file: BufferedRandom | None = None
        self._digest = sha256()
        self._entries = 0

    @contextmanager
    def entry(self) -> Generator[Callable[[bytes], None]]:
        """What is written inside is one entry; of one that raises nothing stays."""
        file = self._open()
        begin, digest = file.tell(), self._digest.copy()
        try:
            yield self._write
        except BaseException:
            file.seek(begin)
            file.truncate()
            self._digest = digest
            raise
        self._entries += 1
        if file.tell() >= self._part_bytes:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close()
        elif self._file is not None:
            self._file.close()

    def _close(self) -> None:
        """End the part that is being written, if there is one."""
        file, self._file = self._file, None
        if file is None:
            return
        with file:
            self._digest.update(self._end)
            file.write(self._end)
            size = file.tell()
        self._shelf.keep(self._name, self._digest.hexdigest())
        self.done.append(
            Part(
                name=self._name,
                kind=self._kind,
                bytes=size,
                sha256=self._digest.hexdigest(),
                entries=self._entries,
            )
        )

    @property
    def _name(self) -> str:
        return f"{self._kind}-{len(self.done) + 1:05d}{self._suffix}"

    def _open(self) -> BufferedRandom:
        if self._file is None:
            self._file = self._shelf.draft(self._name)
            self._digest, self._entries = sha256(), 0
        return self._file

    def _write(self, content: bytes) -> None:
        self._digest.update(content)
        self._open().write(content)
