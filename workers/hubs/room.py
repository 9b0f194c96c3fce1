"""How much may still be written: of a disk, of a file, and of what a job may install."""

import shutil
import threading
from pathlib import Path

from shared.errors import OutOfSpace, SourceUnavailable
from shared.settings import SourceSettings


class Room:
    """For one job; threads share it. ``quota_left``: bytes that its files may have together; None: no limit."""

    def __init__(self, settings: SourceSettings, quota_left: int | None = None) -> None:
        self._settings = settings
        self._quota_left = quota_left
        self._claimed: dict[Path, int] = {}
        self._lock = threading.Lock()

    @property
    def file_bytes(self) -> int:
        """Of the largest file there may be."""
        return self._settings.file_bytes

    def require(self, name: str, target: Path, size: int, missing: int) -> None:
        """Return if ``target`` may have ``size`` bytes, of which ``missing`` aren't on the disk yet.

        ``name``: its source's. Ask before, and again while it grows. Raises SourceUnavailable for a file that is
        too large, OutOfSpace when it would fill the disk or the quota.
        """
        limit = self.file_bytes
        if size > limit:
            raise SourceUnavailable(f"{name}: more than {limit} bytes (FRAMELANE_SOURCES__FILE_BYTES)")
        self._require_disk(name, target.parent, missing)
        with self._lock:
            self._claimed[target] = size
            together = sum(self._claimed.values())
        if self._quota_left is not None and together > self._quota_left:
            raise OutOfSpace(
                f"{name}: with it this job's models have {together} bytes, {max(self._quota_left, 0)} are left of "
                "what models may take (FRAMELANE_MODELS__QUOTA_BYTES); delete some, or raise it"
            )

    def _require_disk(self, name: str, folder: Path, missing: int) -> None:
        free, kept = shutil.disk_usage(folder).free, self._settings.free_bytes
        if free - missing < kept:
            raise OutOfSpace(
                f"{name} needs {missing} bytes more, {free} are free on this worker's disk, of which {kept} stay "
                "free (FRAMELANE_SOURCES__FREE_BYTES)"
            )
