"""Large inputs go to the store in pieces, before the script that makes their job. Pure.

As an argument of a script the server copies them four times, and serves nobody meanwhile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import uuid4

STAGED_BYTES = 1024 * 1024
"""Inputs from this size on are staged."""

PIECE = 256 * 1024
"""Bytes of each piece but an input's last."""

_KEPT_S = 300
"""So long a request has to become a job of what it staged; what is left of one that doesn't goes by itself."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Inputs in a list of their own, until they are a job's. ``counts``: of pieces, by input."""

    prefix: str
    blobs: Sequence[bytes]
    name: str = field(default_factory=lambda: uuid4().hex)

    @property
    def key(self) -> str:
        """Of the list."""
        return f"{self.prefix}:staged:{self.name}"

    @property
    def counts(self) -> list[int]:
        """Pieces of each input."""
        return [max(1, -(-len(blob) // PIECE)) for blob in self.blobs]

    def commands(self) -> Iterator[tuple[bytes | memoryview, ...]]:
        """What writes them."""
        key = self.key.encode()
        for blob in self.blobs:
            content = memoryview(blob)
            for at in range(0, max(len(blob), 1), PIECE):
                yield b"RPUSH", key, content[at : at + PIECE]
                if at == 0:
                    yield b"EXPIRE", key, b"%d" % _KEPT_S

    def fields(self) -> list[str]:
        """Of the record."""
        counts = self.counts
        return ["blobs", str(sum(counts)), "pieces", ",".join(map(str, counts))]


def joined(items: Sequence[bytes], pieces: bytes) -> list[bytes]:
    """The inputs of a record's list. ``pieces``: as its field says; empty: each item is one."""
    if not pieces:
        return list(items)
    rest = iter(items)
    return [b"".join(islice(rest, count)) for count in counts_of(pieces)]


def counts_of(pieces: bytes) -> list[int]:
    """Of the pieces of each input, as a record's field says."""
    return [int(count) for count in pieces.split(b",")]
