"""Media of the library as files on this machine, fetched from the artifact store when they aren't here yet."""

import shutil
import tempfile
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import structlog

from shared.errors import ArtifactNotFound, MediumNotInstalled
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledMedium
from workers.model_store import file_sha256, mismatch

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class MediumFile:
    """A medium whose file is at ``path``, checked against its sha256 when it came."""

    path: Path
    medium: InstalledMedium


class MediaStore:
    """The media of this machine. Several processes may share one ``directory``."""

    def __init__(self, directory: Path, artifacts: ArtifactStore, beacon: WorkerBeacon) -> None:
        self._directory = directory
        self._artifacts = artifacts
        self._beacon = beacon
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._locks_lock = threading.Lock()
        self._checked: dict[Path, MediumFile] = {}

    def ensure(self, name: str) -> MediumFile:
        """A medium by its name, fetched first if need be. Asks the library each time.

        Raises MediumNotInstalled (also when its file is gone), ChecksumMismatch, OutOfSpace and StoreUnavailable.
        """
        with self.lock_of(name):
            known = self._beacon.media()
            if name not in known:
                msg = f"{name} isn't in the library; there are: {', '.join(sorted(known)) or 'none'}"
                raise MediumNotInstalled(msg)
            return self._ensure(known[name])

    def lock_of(self, name: str) -> threading.Lock:
        """Held while something of this medium is made here."""
        with self._locks_lock:
            return self._locks[name]

    def _ensure(self, medium: InstalledMedium) -> MediumFile:
        path = self._directory / medium.name / medium.version / medium.file.name
        known = self._checked.get(path)
        if known and path.is_file():
            return known
        if path.is_file() and file_sha256(path) != medium.file.sha256:
            log.warning("medium_cache_broken", medium=medium.name, version=medium.version)
            shutil.rmtree(path.parent)
        if not path.is_file():
            self._fetch(medium, path)
        self._checked[path] = MediumFile(path, medium)
        return self._checked[path]

    def _fetch(self, medium: InstalledMedium, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=path.parent) as folder:
            fetched = Path(folder) / path.name
            try:
                self._artifacts.fetch(medium_key(medium.name, medium.version, medium.file.name), fetched)
            except ArtifactNotFound as error:
                msg = f"the file of {medium.name} is missing from the artifact store; download it again"
                raise MediumNotInstalled(msg) from error
            if (got := file_sha256(fetched)) != medium.file.sha256:
                raise mismatch(medium.file.name, medium.file.sha256, got)
            fetched.replace(path)
        log.info("medium_fetched", medium=medium.name, version=medium.version)


def medium_key(name: str, version: str, file: str) -> str:
    """Where a medium's file is in the artifact store."""
    return f"media/{name}/{version}/{file}"
