"""A large file of a request, looked at while it came, so that nobody need go through it again. Pure."""

import hashlib
import os
from typing import TypeAlias

_SMALL = bytes(top for top in range(256) if top & 0x7F <= 0x48)  # noqa: PLR2004 - said below
"""Highest bytes (sign and most of the exponent) of all float32 below 2**19, whatever follows."""

LOOK = 64 * 1024
"""Bytes that are looked at at once: they stay in a processor's cache from one look to the next."""


def all_small(raw: bytes) -> bool:
    """Whether every little-endian float32 in ``raw`` is within ±524,288, and therefore moderate."""
    return not raw[3::4].translate(None, _SMALL)


class Arrived:
    """What came of the file; ``staged``: what the job store gave for it once it was all there.

    ``is_small``: as ``all_small`` of all of it. ``once``: nobody can ask for the same again, so that it needn't be
    told from others by its sum, which takes a processor longer than all else here.
    """

    __slots__ = ("_digest", "_pieces", "_size", "is_small", "staged")

    def __init__(self, *, once: bool = False) -> None:
        self.staged: object | None = None
        self.is_small = True
        self._pieces: list[bytes] = []
        self._size = 0
        self._digest = None if once else hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """What came next."""
        view = memoryview(piece)
        for at in range(0, len(piece), LOOK):
            if self._digest is not None:
                self._digest.update(view[at : at + LOOK])
            # Numbers may begin anywhere in a piece.
            first = at + (3 - self._size - at) % 4
            self.is_small = self.is_small and not piece[first : at + LOOK : 4].translate(None, _SMALL)
        self._size += len(piece)
        self._pieces.append(piece)

    def __len__(self) -> int:
        """Bytes."""
        return self._size

    def digest(self) -> bytes:
        """sha256; of what comes once something that nothing else has, each time anew."""
        return os.urandom(32) if self._digest is None else self._digest.digest()

    def content(self) -> bytes:
        """All of it."""
        self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]


Blob: TypeAlias = bytes | Arrived
"""An input."""


def content_of(blob: Blob) -> bytes:
    """Its bytes."""
    return blob.content() if isinstance(blob, Arrived) else blob
