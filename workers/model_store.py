"""Installed models as folders on this machine, fetched from the artifact store when they aren't here yet."""

import hashlib
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from shared.errors import ArtifactNotFound, ChecksumMismatch, ModelNotInstalled, ModelUnusable
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledFile, InstalledModel

_CHUNK = 1 << 20

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class InstalledModelDir:
    """A model whose files are all under ``path``, checked against their sha256."""

    path: Path
    model: InstalledModel


class ModelStore:
    """The models of this machine. Several processes may share one ``directory``."""

    def __init__(self, directory: Path, artifacts: ArtifactStore, beacon: WorkerBeacon) -> None:
        self._directory = directory
        self._artifacts = artifacts
        self._beacon = beacon
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._locks_lock = threading.Lock()
        self._checked: dict[str, InstalledModelDir] = {}

    def installed(self) -> dict[str, InstalledModel]:
        """What the registry names now, whether or not it is on this machine. Raises StoreUnavailable."""
        return self._beacon.models()

    def ensure(self, name: str) -> InstalledModelDir:
        """The newest installed version of a model, fetched first if need be. Asks the registry each time.

        Raises ModelNotInstalled, ModelUnusable (its files are gone or broken in the artifact store too),
        OutOfSpace and StoreUnavailable.
        """
        with self._lock_of(name):
            model = self._registered(name)
            try:
                return self._ensure(model)
            except ArtifactNotFound as error:
                # The model was replaced by a newer version between the registry's answer and the fetch.
                newer = self._registered(name)
                if newer.version == model.version:
                    msg = f"files of {name} {model.version} are missing from the artifact store; download it again"
                    raise ModelUnusable(msg) from error
                return self._ensure(newer)

    def _registered(self, name: str) -> InstalledModel:
        known = self._beacon.models()
        if name not in known:
            msg = f"{name} is not installed; installed: {', '.join(sorted(known)) or 'none'}"
            raise ModelNotInstalled(msg)
        return known[name]

    def _ensure(self, model: InstalledModel) -> InstalledModelDir:
        known = self._checked.get(model.name)
        if known and known.model.version == model.version:
            return known
        path = self._directory / model.name / model.version
        if path.is_dir() and not _is_whole(path, model):
            log.warning("model_cache_broken", model=model.name, version=model.version)
            shutil.rmtree(path)
        if not path.is_dir():
            self._fetch(model, path)
        self._checked[model.name] = InstalledModelDir(path, model)
        return self._checked[model.name]

    def _fetch(self, model: InstalledModel, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=path.parent) as temporary:
            folder = Path(temporary) / model.version
            folder.mkdir()
            for file in model.files:
                self._artifacts.fetch(model_key(model.name, model.version, file.name), folder / file.name)
                if (got := file_sha256(folder / file.name)) != file.sha256:
                    raise ModelUnusable(str(mismatch(file.name, file.sha256, got)))
            try:
                folder.rename(path)
            except OSError:
                # Another process was faster; what it put there is as good as ours.
                if not _is_whole(path, model):
                    raise
        log.info("model_fetched", model=model.name, version=model.version)

    def _lock_of(self, name: str) -> threading.Lock:
        with self._locks_lock:
            return self._locks[name]


def model_key(name: str, version: str, file: str) -> str:
    """Where a model's file is in the artifact store."""
    return f"models/{name}/{version}/{file}"


def file_sha256(path: Path, on_chunk: Callable[[], None] = lambda: None) -> str:
    """Lower-case hexadecimal; ``on_chunk`` is called after each MiB and may raise to end it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            on_chunk()
    return digest.hexdigest()


def mismatch(name: str, expected: str, got: str) -> ChecksumMismatch:
    """The error that names the file and both sums."""
    return ChecksumMismatch(f"{name}: expected sha256 {expected}, got {got}")


def _is_whole(path: Path, model: InstalledModel) -> bool:
    return all(_is_intact(path / file.name, file) for file in model.files)


def _is_intact(path: Path, file: InstalledFile) -> bool:
    try:
        return path.stat().st_size == file.size and file_sha256(path) == file.sha256
    except FileNotFoundError:
        return False
