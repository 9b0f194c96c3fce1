"""Where a backup lies: a folder, or below a prefix of an S3 bucket."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from io import BufferedRandom
from pathlib import Path
from typing import Protocol

from shared.adapters.keys import is_key
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.backup import MANIFEST, BackupDamaged, BackupRefused, Manifest
from shared.errors import ArtifactNotFound
from shared.settings import ArtifactSettings

_CHUNK = 1024 * 1024
_BINARY = "application/octet-stream"


class Shelf(Protocol):
    """Files by their names. Raises StoreUnavailable, OutOfSpace, OSError."""

    def ready(self) -> None:
        """Raises BackupRefused unless a new backup may lie here."""
        ...

    def draft(self, name: str) -> BufferedRandom:
        """A new file to be written, then closed, then kept."""
        ...

    def keep(self, name: str, digest: str) -> None:
        """The file is whole; ``digest``: its sha256."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """Its content in chunks. Raises BackupDamaged where there is none."""
        ...

    def close(self) -> None:
        """Nothing more is read or written."""
        ...


class FolderShelf:
    """Readable by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ready(self) -> None:
        """See the protocol."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self._folder.iterdir()):
            raise BackupRefused(f"{self._folder} isn't empty; name a new folder for each backup")

    def draft(self, name: str) -> BufferedRandom:
        """See the protocol."""
        return _private(self._folder / name)

    def keep(self, name: str, digest: str) -> None:  # noqa: ARG002  of the protocol
        """See the protocol."""
        with (self._folder / name).open("rb") as file:
            os.fsync(file.fileno())

    def read(self, name: str) -> Iterator[bytes]:
        """See the protocol."""
        try:
            with (self._folder / name).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _missing(name, str(self._folder)) from error

    def close(self) -> None:
        """See the protocol."""


class S3Shelf:
    """Parts are written to a temporary folder first: an S3 server wants to know a file's size before it comes."""

    def __init__(self, settings: ArtifactSettings, prefix: str) -> None:
        self._where = f"s3://{settings.bucket}/{prefix}".rstrip("/")
        self._store = S3ArtifactStore(settings)
        self._prefix = f"{prefix}/" if prefix else ""
        self._folder = Path(tempfile.mkdtemp(prefix="framelane-backup-"))

    def ready(self) -> None:
        """See the protocol."""
        self._store.ping()
        if next(iter(self._store.listing(self._prefix)), None) is not None:
            raise BackupRefused(f"{self._where} isn't empty; name a new prefix for each backup")

    def draft(self, name: str) -> BufferedRandom:
        """See the protocol."""
        return _private(self._folder / name)

    def keep(self, name: str, digest: str) -> None:
        """See the protocol."""
        path = self._folder / name
        self._store.put_file(self._prefix + name, path, _BINARY, digest)
        path.unlink()

    def read(self, name: str) -> Iterator[bytes]:
        """See the protocol."""
        try:
            yield from self._store.read(self._prefix + name)
        except ArtifactNotFound as error:
            raise _missing(name, self._where) from error

    def close(self) -> None:
        """See the protocol."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._store.close()


def shelf_at(place: str, settings: ArtifactSettings) -> FolderShelf | S3Shelf:
    """A folder's path, or ``s3://bucket/prefix`` on the S3 server of the settings. Raises BackupRefused."""
    if not place.startswith("s3://"):
        return FolderShelf(Path(place))
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if not bucket or (prefix and not is_key(prefix)):
        raise BackupRefused(f"{place}: an S3 place is s3://bucket/prefix, of letters, digits and . _ - /")
    if not settings.endpoint:
        raise BackupRefused(f"{place}: FRAMELANE_ARTIFACTS__ENDPOINT and its keys name the S3 server")
    if settings.kind == "s3" and settings.bucket == bucket:
        raise BackupRefused(f"{place}: artifacts lie in that bucket, and would be copied with it; name another")
    return S3Shelf(settings.model_copy(update={"kind": "s3", "bucket": bucket}), prefix)


def check_parts(shelf: Shelf, manifest: Manifest) -> None:
    """Read all of it once. Raises BackupDamaged for the first part that isn't as it was written."""
    for part in manifest.parts:
        digest, size = sha256(), 0
        for chunk in shelf.read(part.name):
            digest.update(chunk)
            size += len(chunk)
        if (size, digest.hexdigest()) != (part.bytes, part.sha256):
            msg = f"{part.name} isn't what was written ({size:,} of {part.bytes:,} bytes); take another copy of it"
            raise BackupDamaged(msg)


def _private(path: Path) -> BufferedRandom:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def _missing(name: str, where: str) -> BackupDamaged:
    if name == MANIFEST:
        return BackupDamaged(f"there is no {MANIFEST} in {where}: no backup, or one that didn't end")
    return BackupDamaged(f"{name} is missing in {where}; take another copy of the backup")
