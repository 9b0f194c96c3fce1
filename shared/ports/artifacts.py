"""The door to files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A stored object. ``sha256`` is of its content, lower-case hexadecimal."""

    key: str
    size: int
    sha256: str
    media_type: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An entry of a listing. ``age_s``: seconds since it was stored, by the store's clock where it has one."""

    key: str
    size: int
    age_s: float


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A POST of multipart form data to ``url``: these fields first, then a part ``file`` with the content."""

    url: str
    fields: Mapping[str, str]


class ArtifactStore(Protocol):
    """Objects by key. A key is made by us: segments of [A-Za-z0-9._-] joined by '/', never ``.`` or ``..``.

    Blocking. A key of another form raises ValueError; a missing object ArtifactNotFound; no room OutOfSpace.
    """

    def ping(self) -> None:
        """Return if the store answers and its bucket or folder is there."""
        ...

    def put_file(self, key: str, path: Path, media_type: str, sha256: str | None = None) -> ObjectInfo:
        """Store a file under ``key``; readers see the old object or the whole new one.

        With its ``sha256`` the caller promises that nobody will write to the file any more: it isn't read again
        for that, and a store on the same disk may take the file itself instead of a copy.
        """
        ...

    def put_bytes(self, key: str, content: bytes, media_type: str) -> ObjectInfo:
        """The same from memory."""
        ...

    def stat(self, key: str) -> ObjectInfo:
        """What is stored under ``key``."""
        ...

    def fetch(self, key: str, path: Path) -> ObjectInfo:
        """Write the object to ``path`` (whole or not at all). The answer's sha256 is of what was written."""
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The content in chunks; from byte ``start``, at most ``length`` (None: all) of them."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Every key that starts with ``prefix``, sorted."""
        ...

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key starts with ``prefix``, with its age; in no order."""
        ...

    def sweep_uploads(self, older_than_s: float) -> int:
        """Remove what crashed uploads left that is at least so old; how many."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...

    def upload_form(self, key: str, size: int, expires_s: int) -> UploadForm | None:
        """Lets anyone who has it store this one object, of ``size`` bytes, within ``expires_s`` seconds.

        None where the store has no address of its own.
        """
        ...

    def link(self, key: str, expires_s: int, filename: str) -> str:
        """A URL that gives anyone this one object for ``expires_s`` seconds, as a download named ``filename``.

        It is absolute when the store serves it itself, else a path below the gateway's root. It is good for
        reading alone. Raises ValueError beyond 15 minutes.
        """
        ...
