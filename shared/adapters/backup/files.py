"""Artifacts in a backup: a tar file of many, which says of each its type and sha256."""

import io
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from typing_extensions import override

from shared.adapters.backup.parts import Parts
from shared.adapters.keys import is_key
from shared.backup import BackupDamaged
from shared.errors import ArtifactNotFound
from shared.ports import ArtifactStore, ObjectInfo

END = bytes(2 * tarfile.BLOCKSIZE)
_SHA, _TYPE = "FRAMELANE.sha256", "FRAMELANE.type"
_CHUNK = 1024 * 1024
_IN_MEMORY = 8 * 1024 * 1024
_TRIES = 3


@dataclass
class Copied:
    """How many, and their bytes; keys of those that aren't what was stored."""

    files: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list[str])


class _Changed(Exception):
    """Somebody stored another one meanwhile; or the store has lost some of it."""


def copy_out(store: ArtifactStore, parts: Parts) -> Copied:
    """All but those that are removed meanwhile. Raises StoreUnavailable, OutOfSpace, OSError."""
    copied = Copied()
    for found in store.listing(""):
        if is_key(found.key):  # else somebody put it there by hand
            with suppress(ArtifactNotFound):
                _copy(store, found.key, parts, copied)
    return copied


def _copy(store: ArtifactStore, key: str, parts: Parts, copied: Copied) -> None:
    for _ in range(_TRIES):
        info = store.stat(key)
        with suppress(_Changed):
            _write(store, info, parts)
            copied.files += 1
            copied.bytes += info.size
            return
    copied.damaged.append(key)


def _write(store: ArtifactStore, info: ObjectInfo, parts: Parts) -> None:
    member = tarfile.TarInfo(info.key)
    member.size, member.mode = info.size, 0o600
    member.pax_headers = {_SHA: info.sha256, _TYPE: info.media_type}
    digest, size = sha256(), 0
    with parts.entry() as write:
        write(member.tobuf(tarfile.PAX_FORMAT))
        for chunk in store.read(info.key):
            digest.update(chunk)
            size += len(chunk)
            write(chunk)
        if (size, digest.hexdigest()) != (info.size, info.sha256):
            raise _Changed
        write(bytes(-size % tarfile.BLOCKSIZE))


def copy_in(chunks: Iterable[bytes], store: ArtifactStore) -> int:
    """Those of a part, but for what is there already; how many were written.

    Raises BackupDamaged, StoreUnavailable, OutOfSpace, OSError.
    """
    written = 0
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks)), mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is None or not is_key(member.name):
                    raise BackupDamaged(f"a part of the artifacts has {member.name!r} in it, which is none")
                written += _store(member, content, store)
    except tarfile.TarError as error:
        raise BackupDamaged(f"a part of the artifacts can't be read: {error}") from error
    return written


def _store(member: tarfile.TarInfo, content: IO[bytes], store: ArtifactStore) -> bool:
    digest, media_type = member.pax_headers[_SHA], member.pax_headers[_TYPE]
    wanted = ObjectInfo(member.name, member.size, digest, media_type)
    with suppress(ArtifactNotFound):
        if store.stat(member.name) == wanted:
            return False
    if member.size <= _IN_MEMORY:
        stored = store.put_bytes(member.name, content.read(), media_type)
    else:
        with tempfile.TemporaryDirectory(prefix="framelane-restore-") as folder:
            stored = store.put_file(member.name, _filled(Path(folder) / "content", content), media_type)
    if stored != wanted:
        raise BackupDamaged(f"artifact {member.name} isn't what was backed up")
    return True


def _filled(path: Path, content: IO[bytes]) -> Path:
    with path.open("wb") as file:
        while chunk := content.read(_CHUNK):
            file.write(chunk)
    return path


class _Chunks(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = b""

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: bytearray | memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)
