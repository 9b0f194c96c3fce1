"""What a sweep removes beside jobs: abandoned uploads, contents without a medium, media nobody reads."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import UploadNotFound
from shared.media_library import MediaLibrary
from shared.ports import ArtifactStore, UploadStore, WorkerBeacon
from shared.uploads import UPLOADS
from workers.model_sweep import sweep_models
from workers.record_sweep import sweep_records


@dataclass(slots=True)
class Tidied:
    """So much was removed. ``orphans``: files that belonged to nothing."""

    uploads: int = 0
    media: int = 0
    orphans: int = 0
    freed_bytes: int = 0


class Tidying:
    """Safe beside uploads and jobs that use them, and beside others that tidy."""

    def __init__(
        self,
        artifacts: ArtifactStore,
        uploads: UploadStore,
        beacon: WorkerBeacon,
        idle_s: float,
        unused_s: float,
        records_s: float,
    ) -> None:
        """``idle_s``: of uploads; ``unused_s``: of uploaded media, 0: they stay; ``records_s``: of sessions."""
        self._artifacts = artifacts
        self._uploads = uploads
        self._beacon = beacon
        self._library = MediaLibrary(artifacts, beacon)
        self._idle_s = idle_s
        self._unused_s = unused_s
        self._records_s = records_s

    def tidy(self, orphan_s: float, check: Callable[[], None]) -> Tidied:
        """``orphan_s``: age from which files of nothing are removed."""
        told = Tidied()
        self._tidy_uploads(told, orphan_s, check)
        if self._unused_s:
            self._tidy_media(told, check)
        for count, size in (
            self._library.sweep(orphan_s, check),
            sweep_models(self._artifacts, self._beacon, orphan_s, check),
        ):
            told.orphans += count
            told.freed_bytes += size
        told.freed_bytes += sweep_records(self._artifacts, self._records_s, check)
        return told

    def _tidy_uploads(self, told: Tidied, orphan_s: float, check: Callable[[], None]) -> None:
        # The record goes first: whoever is just sending finds that it is gone, and takes its part back.
        for upload_id in self._uploads.idle(self._idle_s):
            check()
            self._uploads.remove(upload_id)
            told.uploads += 1
        known: dict[str, bool] = {}
        for part in self._artifacts.listing(UPLOADS):
            check()
            upload_id = part.key.removeprefix(UPLOADS).partition("/")[0]
            if upload_id not in known:
                known[upload_id] = self._is_known(upload_id)
            if not known[upload_id] and part.age_s >= min(orphan_s, self._idle_s):
                self._artifacts.delete(part.key)
                told.freed_bytes += part.size

    def _is_known(self, upload_id: str) -> bool:
        try:
            return not self._uploads.get(upload_id).used_by
        except UploadNotFound:
            return False

    def _tidy_media(self, told: Tidied, check: Callable[[], None]) -> None:
        unused = self._beacon.unused_media(self._unused_s)
        for name, medium in self._beacon.media().items():
            if name in unused and medium.origin == "upload":
                self._library.remove(name, check)
                told.media += 1
