"""Objects as plain files in a folder that every process of the machine (or a shared disk) sees.

``objects/<key>`` is the content, ``metadata/<key>~`` what stat() answers; ``incoming/`` holds what is being
written.
"""

import errno
import mimetypes
import os
import sys
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from hashlib import file_digest
from hashlib import sha256 as new_sha256
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from shared.adapters.files import appear_as, appearing
from shared.adapters.keys import checked_key, is_key
from shared.adapters.links import LinkSigner
from shared.errors import ArtifactNotFound, OutOfSpace, StoreUnavailable
from shared.ports import ObjectInfo, StoredObject, UploadForm

_CHUNK = 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT}
_IN_THE_WAY = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY}
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}


class _Metadata(BaseModel):
    """``stamp`` is the content file's modification time in nanoseconds: it tells whether this speaks of it."""

    size: int
    sha256: str
    media_type: str
    stamp: int


class LocalArtifactStore:
    """ArtifactStore in ``directory``. A key can't be an object and also the beginning of another's path.

    Its links are paths below the gateway's root, checked with ``signer``.
    """

    def __init__(self, directory: Path, signer: LinkSigner) -> None:
        self.signer = signer
        self._root = directory.resolve()
        self._objects = self._root / "objects"
        self._metadata = self._root / "metadata"
        self._incoming = self._root / "incoming"

    def ping(self) -> None:
        """Makes the folders if need be. Raises StoreUnavailable when that can't be done."""
        with _disk_errors():
            for folder in (self._objects, self._metadata, self._incoming):
                folder.mkdir(parents=True, exist_ok=True)

    def put_file(self, key: str, path: Path, media_type: str, sha256: str | None = None) -> ObjectInfo:
        """See the port."""
        if sha256 is not None and (taken := self._take(checked_key(key), path, sha256, media_type)):
            return taken
        with path.open("rb") as source:
            return self._put(checked_key(key), source, media_type)

    def put_bytes(self, key: str, content: bytes, media_type: str) -> ObjectInfo:
        """See the port."""
        return self._put(checked_key(key), BytesIO(content), media_type)

    def stat(self, key: str) -> ObjectInfo:
        """See the port."""
        with self._open(key) as file:
            return self._describe(key, file)

    def fetch(self, key: str, path: Path) -> ObjectInfo:
        """See the port."""
        with self._open(key) as file:
            info = self._describe(key, file)
            with _disk_errors(), appearing(path) as target:
                digest, size = _copy(file, target)
            return ObjectInfo(key, size, digest, info.media_type)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See the port. A missing object is told at once, not with the first chunk."""
        chunks = _chunks(self._open(key), start, length)
        next(chunks)
        return chunks

    def keys(self, prefix: str) -> list[str]:
        """See the port."""
        return sorted(key for key, _ in self._below(prefix))

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """See the port. Ages are by the file system's times and this machine's clock."""
        for key, path in self._below(prefix):
            with _disk_errors():
                if status := _status(path):
                    yield StoredObject(key, status.st_size, _age_s(status))

    def sweep_uploads(self, older_than_s: float) -> int:
        """See the port. The age of an upload is counted from the last time something was written."""
        swept = 0
        with _disk_errors():
            for draft in _files(self._incoming):
                status = _status(draft)
                if status and _age_s(status) >= older_than_s:
                    draft.unlink(missing_ok=True)
                    swept += 1
        return swept

    def delete(self, key: str) -> None:
        """See the port. Folders that become empty go too."""
        with _disk_errors():
            # The object last: as long as it is there, whoever was interrupted here can be finished for.
            for root, path in reversed(self._places(checked_key(key))):
                try:
                    path.unlink()
                except OSError as error:
                    if error.errno not in _NOT_THERE:
                        raise
                _remove_empty(path.parent, root)

    def upload_form(self, key: str, size: int, expires_s: int) -> UploadForm | None:  # noqa: ARG002 - of the port
        """See the port. There is none: files go through the gateway."""
        return None

    def link(self, key: str, expires_s: int, filename: str) -> str:
        """See the port."""
        return self.signer.link(checked_key(key), expires_s, filename)

    def _below(self, prefix: str) -> Iterator[tuple[str, Path]]:
        # Only the last segment may be cut short: everything lies below the folder before it.
        folder, slash, _ = prefix.rpartition("/")
        if slash and not is_key(folder):
            return
        for path in _files(self._objects / folder):
            key = path.relative_to(self._objects).as_posix()
            if key.startswith(prefix):
                yield key, path

    def _places(self, key: str) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
        return (self._objects, self._objects / key), (self._metadata, self._metadata / f"{key}~")

    def _put(self, key: str, source: BinaryIO, media_type: str) -> ObjectInfo:
        with _disk_errors():
            self._incoming.mkdir(parents=True, exist_ok=True)
        with _disk_errors(_IN_THE_WAY):
            with appearing(self._objects / key, self._incoming) as target:
                digest, size = _copy(source, target)
                stamp = time.time_ns()
                os.utime(target.fileno(), ns=(stamp, stamp))
            self._note(key, size, digest, media_type, stamp)
        return ObjectInfo(key, size, digest, media_type)

    def _take(self, key: str, path: Path, digest: str, media_type: str) -> ObjectInfo | None:
        """The file itself under a second name; None where this disk, or another, can't do that."""
        with _disk_errors():
            self._incoming.mkdir(parents=True, exist_ok=True)
        with _disk_errors(_IN_THE_WAY):
            if not appear_as(path, self._objects / key, self._incoming):
                return None
            status = path.stat()
            self._note(key, status.st_size, digest, media_type, status.st_mtime_ns)
        return ObjectInfo(key, status.st_size, digest, media_type)

    def _note(self, key: str, size: int, digest: str, media_type: str, stamp: int) -> None:
        metadata = _Metadata(size=size, sha256=digest, media_type=media_type, stamp=stamp)
        with appearing(self._metadata / f"{key}~", self._incoming) as target:
            target.write(metadata.model_dump_json().encode())

    def _open(self, key: str) -> BufferedReader:
        path = self._objects / checked_key(key)
        with _disk_errors():
            try:
                return path.open("rb")
            except OSError as error:
                if error.errno in _NOT_THERE:
                    raise ArtifactNotFound(f"there is no artifact {key}") from error
                raise

    def _describe(self, key: str, file: BufferedReader) -> ObjectInfo:
        with _disk_errors():
            status = os.fstat(file.fileno())
            known = self._read_metadata(key)
            if known and (known.stamp, known.size) == (status.st_mtime_ns, status.st_size):
                return ObjectInfo(key, known.size, known.sha256, known.media_type)
            # Somebody is just replacing the object, or put the file there by hand: look at what was opened.
            digest = file_digest(file, "sha256").hexdigest()
            file.seek(0)
            guessed = mimetypes.guess_type(key)[0] or "application/octet-stream"
            return ObjectInfo(key, status.st_size, digest, known.media_type if known else guessed)

    def _read_metadata(self, key: str) -> _Metadata | None:
        try:
            return _Metadata.model_validate_json((self._metadata / f"{key}~").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None


@contextmanager
def _disk_errors(in_the_way: Collection[int] = ()) -> Generator[None]:
    """``in_the_way``: error numbers that mean that another key's path is."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            msg = "no space is left for artifacts"
            raise OutOfSpace(msg) from error
        if error.errno in in_the_way:
            msg = "one key can't be the beginning of another's path"
            raise ValueError(msg) from error
        raise StoreUnavailable(f"the artifact folder can't be used: {error}") from error


def _files(start: Path) -> Iterator[Path]:
    """Those below ``start``. Folders that vanish meanwhile, with their last object, have none."""
    with _disk_errors():
        for folder, _, names in os.walk(start, onerror=_unless_gone):
            yield from (Path(folder, name) for name in names)


def _status(path: Path) -> os.stat_result | None:
    """None if it has vanished."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return None


def _age_s(status: os.stat_result) -> float:
    return max(time.time() - status.st_mtime, 0.0)


def _unless_gone(error: OSError) -> None:
    if error.errno not in _NOT_THERE:
        raise error


def _copy(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    digest = new_sha256()
    size = 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        target.write(chunk)
    target.flush()
    return digest.hexdigest(), size


def _chunks(file: BufferedReader, start: int, length: int | None) -> Generator[bytes]:
    with file:
        yield b""  # taken by read(), so that closing the generator always closes the file
        file.seek(start)
        left = sys.maxsize if length is None else length
        while left and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty, or somebody else was first
        folder = folder.parent
