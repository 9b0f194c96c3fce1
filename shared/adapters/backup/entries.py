"""What one item of the store is in a part: a list of msgpack, one after the other."""
# pyright: basic
# msgpack has no types; nothing above this module touches it.

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgpack

from shared.adapters.backup.families import Family
from shared.backup import BackupDamaged

_LARGEST = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A job, a benchmark or a single key, as it was at one moment.

    ``keys``: of each the end of its name, the milliseconds it still lives (-1: for good) and what DUMP said;
    ``about``: what other keys say of it.
    """

    family: Family
    name: str
    keys: tuple[tuple[str, int, bytes], ...]
    about: tuple[str | bytes | int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return sum(len(value) for _, _, value in self.keys)


def written(entry: Entry) -> bytes:
    """As it stands in a part."""
    return msgpack.packb([str(entry.family), entry.name, entry.keys, entry.about]) or b""


def read(chunks: Iterable[bytes]) -> Iterator[Entry]:
    """All of a part. Raises BackupDamaged."""
    unpacker = msgpack.Unpacker(max_buffer_size=_LARGEST, max_ext_len=0, max_map_len=0)
    try:
        for chunk in chunks:
            unpacker.feed(chunk)
            for family, name, keys, about in unpacker:
                yield Entry(Family(family), name, tuple(map(tuple, keys)), tuple(about))
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise BackupDamaged(f"a part of the store can't be read: {error}") from error
