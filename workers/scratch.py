"""The folder a worker process writes its scratch files to; what dead processes left there is swept away."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

import structlog

log = structlog.stdlib.get_logger()


class ScratchRoot:
    """``<data_dir>/scratch/<worker>``. A lock held on it as long as the process lives tells others it is used."""

    def __init__(self, data_dir: Path, worker_id: str) -> None:
        self._all = data_dir / "scratch"
        self._all.mkdir(parents=True, exist_ok=True)
        _sweep(self._all)
        self.path = self._all / worker_id
        self._lock = _lock(self._lock_file(self.path), wait=True)
        self.path.mkdir(exist_ok=True)

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock_file(self.path).unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    @staticmethod
    def _lock_file(path: Path) -> Path:
        return path.with_name(path.name + ".lock")


def _sweep(folder: Path) -> None:
    for left in folder.glob("*.lock"):
        # The kernel lets go of a lock when its process dies, however it dies.
        if lock := _lock(left, wait=False):
            shutil.rmtree(left.with_name(left.name.removesuffix(".lock")), ignore_errors=True)
            left.unlink(missing_ok=True)
            lock.close()
            log.info("scratch_swept", worker=left.name.removesuffix(".lock"))


def _lock(path: Path, *, wait: bool) -> IO[bytes] | None:
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "rb+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        file.close()
        return None
    return file
