"""Objects in a dictionary."""

import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from pydantic import SecretStr

from shared.adapters.keys import checked_key
from shared.adapters.links import LinkSigner
from shared.errors import ArtifactNotFound
from shared.ports import ObjectInfo, StoredObject, UploadForm

_CHUNK = 64 * 1024


class MemoryArtifactStore:
    """ArtifactStore. Its links are paths below the gateway's root, checked with ``signer``."""

    def __init__(self, signer: LinkSigner | None = None) -> None:
        self.signer = signer or LinkSigner(SecretStr(""))
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[ObjectInfo, bytes, float]] = {}

    def ping(self) -> None:
        """It always answers."""

    def put_file(self, key: str, path: Path, media_type: str, sha256: str | None = None) -> ObjectInfo:  # noqa: ARG002 - of the port
        """See the port."""
        return self.put_bytes(key, path.read_bytes(), media_type)

    def put_bytes(self, key: str, content: bytes, media_type: str) -> ObjectInfo:
        """See the port."""
        info = ObjectInfo(checked_key(key), len(content), sha256(content).hexdigest(), media_type)
        with self._lock:
            self._objects[key] = (info, content, time.monotonic())
        return info

    def stat(self, key: str) -> ObjectInfo:
        """See the port."""
        return self._object(key)[0]

    def fetch(self, key: str, path: Path) -> ObjectInfo:
        """See the port."""
        info, content, _ = self._object(key)
        path.write_bytes(content)
        return info

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See the port."""
        content = self._object(key)[1][start : None if length is None else start + length]
        return (content[at : at + _CHUNK] for at in range(0, len(content), _CHUNK))

    def keys(self, prefix: str) -> list[str]:
        """See the port."""
        with self._lock:
            return sorted(key for key in self._objects if key.startswith(prefix))

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """See the port."""
        with self._lock:
            found = [kept for key, kept in self._objects.items() if key.startswith(prefix)]
        now = time.monotonic()
        return (StoredObject(info.key, info.size, now - stored) for info, _, stored in found)

    def sweep_uploads(self, older_than_s: float) -> int:  # noqa: ARG002 - of the port
        """See the port. Nothing is ever half stored here."""
        return 0

    def delete(self, key: str) -> None:
        """See the port."""
        with self._lock:
            self._objects.pop(checked_key(key), None)

    def upload_form(self, key: str, size: int, expires_s: int) -> UploadForm | None:  # noqa: ARG002 - of the port
        """See the port. There is none: files go through the gateway."""
        return None

    def link(self, key: str, expires_s: int, filename: str) -> str:
        """See the port."""
        return self.signer.link(checked_key(key), expires_s, filename)

    def _object(self, key: str) -> tuple[ObjectInfo, bytes, float]:
        with self._lock:
            found = self._objects.get(checked_key(key))
        if found is None:
            raise ArtifactNotFound(f"there is no artifact {key}")
        return found
