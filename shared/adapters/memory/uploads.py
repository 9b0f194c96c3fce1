"""Records of uploads in a dictionary."""

import threading
import time
from collections.abc import Callable

from shared.errors import TooManyUploads, UploadChanged, UploadNotFound
from shared.uploads import Upload


class MemoryUploadStore:
    """UploadStore. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Upload, float]] = {}
        self._until: dict[str, float] = {}

    def create(self, upload: Upload, most: int) -> Upload:
        """See the port."""
        with self._lock:
            self._forget()
            if upload.id in self._kept:
                raise UploadChanged(f"there is an upload {upload.id}")
            if len(self._kept) - len(self._until) >= most:
                raise TooManyUploads(f"{most} uploads are kept that no job has used; finish or delete some")
            return self._keep(upload.model_copy(update={"version": 0}))

    def get(self, upload_id: str) -> Upload:
        """See the port."""
        with self._lock:
            return self._get(upload_id)

    def replace(self, upload: Upload, keep_s: float | None = None) -> Upload:
        """See the port."""
        with self._lock:
            if self._get(upload.id).version != upload.version:
                raise UploadChanged(f"upload {upload.id} was changed meanwhile; ask where to go on")
            if keep_s is None:
                self._until.pop(upload.id, None)
            else:
                self._until[upload.id] = self._clock() + keep_s
            return self._keep(upload)

    def remove(self, upload_id: str) -> None:
        """See the port."""
        with self._lock:
            self._kept.pop(upload_id, None)
            self._until.pop(upload_id, None)

    def idle(self, older_than_s: float) -> list[str]:
        """See the port."""
        with self._lock:
            latest = self._clock() - older_than_s
            return [each for each, (_, at) in self._kept.items() if at <= latest and each not in self._until]

    def close(self) -> None:
        """Nothing to let go of."""

    def _get(self, upload_id: str) -> Upload:
        self._forget()
        if upload_id not in self._kept:
            raise UploadNotFound.of(upload_id)
        return self._kept[upload_id][0]

    def _keep(self, upload: Upload) -> Upload:
        kept = upload.model_copy(update={"version": upload.version + 1})
        self._kept[kept.id] = (kept, self._clock())
        return kept

    def _forget(self) -> None:
        for each in [each for each, until in self._until.items() if until <= self._clock()]:
            del self._until[each], self._kept[each]
