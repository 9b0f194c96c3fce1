"""From a folder of files to an installed model: all of it, or nothing."""

import hashlib
import mimetypes
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import structlog

from shared.errors import ArtifactNotFound, Unavailable
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledFile, InstalledModel
from workers.model_store import file_sha256, model_key

HOLD_S = 60.0
"""For a look at all files of a job's models, and their registration; a slower look is taken again."""

_PAUSE_S = 0.1
_PATIENCE_S = 10.0

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class StagedModel:
    """A model whose files lie in ``folder``, complete and checked, but not yet stored."""

    folder: Path
    record: InstalledModel


def version_of(files: Iterable[InstalledFile]) -> str:
    """Names the content: the same files give the same version."""
    sums = "".join(sorted(file.sha256 for file in files))
    return hashlib.sha256(sums.encode()).hexdigest()[:16]


def stage(name: str, folder: Path, source: str, check: Callable[[], None]) -> StagedModel:
    """Describe what lies in ``folder``. Variants are named by their ``.xml`` files."""
    files = [
        InstalledFile(name=path.name, size=path.stat().st_size, sha256=file_sha256(path, check))
        for path in sorted(folder.iterdir())
        if path.is_file()
    ]
    record = InstalledModel(
        name=name,
        version=version_of(files),
        files=files,
        variants=sorted(Path(file.name).stem for file in files if file.name.endswith(".xml")),
        source=source,
        installed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return StagedModel(folder, record)


class Installation:
    """Models on their way into the store. Left before ``register`` was through, it takes back what it stored.

    Other jobs may install other versions of the same models meanwhile. So whoever registers a version, or deletes
    files of one, first takes the one right to do so. Under it, a version is registered only after all its files
    were seen there, and files are deleted only of versions that the registry doesn't name: hence what the
    registry names has its files. Uploads need no such right, as what they stored is looked at again under it. A
    process that stands still for half a minute between a look and what follows could break this; then the next
    download of the model repairs it, for downloads look at the files too.
    """

    def __init__(self, artifacts: ArtifactStore, beacon: WorkerBeacon, hold_s: float = HOLD_S) -> None:
        self._artifacts = artifacts
        self._beacon = beacon
        self._hold_s = hold_s
        self._token = uuid4().hex
        self._staged: list[StagedModel] = []
        self._stored: list[tuple[InstalledModel, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._take_back()

    def upload(self, model: StagedModel, check: Callable[[], None]) -> None:
        """Store its files; those that are there already stay."""
        self._staged.append(model)
        self._store(model, check)

    def register(self, check: Callable[[], None]) -> None:
        """From now on the models are installed; files of the versions they replace go."""
        try:
            self._gather(check)
            before = self._beacon.models()
            for model in self._staged:
                self._beacon.install(model.record)
                said = model.record
                log.info("model_installed", model=said.name, version=said.version, source=said.source)
            self._stored.clear()
            for model in self._staged:
                old = before.get(model.record.name)
                if old is not None and old.version != model.record.version:
                    keys = [model_key(old.name, old.version, file.name) for file in old.files]
                    self._delete([(old, key) for key in keys])
        finally:
            self._release()

    def _gather(self, check: Callable[[], None]) -> None:
        """Return while this job alone may register, just after all files were seen."""
        while True:
            check()
            if not self._beacon.hold_models(self._token, self._hold_s):
                threading.Event().wait(_PAUSE_S)
                continue
            began = time.monotonic()
            stored = [self._store(model, check) for model in self._staged]
            if not any(stored) and time.monotonic() - began < self._hold_s / 2:
                return

    def _store(self, model: StagedModel, check: Callable[[], None]) -> bool:
        """Whether something was missing."""
        missing = False
        for file in model.record.files:
            check()
            key = model_key(model.record.name, model.record.version, file.name)
            if not is_stored(self._artifacts, key, file):
                missing = True
                # Noted before: a put that fails midway is taken back too.
                self._stored.append((model.record, key))
                media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                self._artifacts.put_file(key, model.folder / file.name, media_type)
        return missing

    def _take_back(self) -> None:
        give_up_at = time.monotonic() + _PATIENCE_S
        try:
            while self._stored and not self._beacon.hold_models(self._token, self._hold_s):
                if time.monotonic() > give_up_at:
                    log.warning("model_files_left_behind", keys=[key for _, key in self._stored])
                    return
                threading.Event().wait(_PAUSE_S)
            self._delete(self._stored)
        except Unavailable as error:
            keys = [key for _, key in self._stored]
            log.warning("model_files_left_behind", keys=keys, reason=error.detail)
        finally:
            self._release()

    def _delete(self, files: Iterable[tuple[InstalledModel, str]]) -> None:
        """What can't be deleted now, or is another job's matter by now, stays."""
        for model, key in files:
            try:
                if not self._beacon.hold_models(self._token, self._hold_s):
                    return
                named = self._beacon.models().get(model.name)
                if named is None or named.version != model.version:
                    self._artifacts.delete(key)
            except Unavailable as error:
                log.warning("model_file_left_behind", key=key, reason=error.detail)

    def _release(self) -> None:
        try:
            self._beacon.release_models(self._token)
        except Unavailable as error:
            log.warning("models_not_released", lapses_in_s=self._hold_s, reason=error.detail)


def is_stored(artifacts: ArtifactStore, key: str, file: InstalledFile) -> bool:
    """Whether this very file is there."""
    try:
        return artifacts.stat(key).sha256 == file.sha256
    except ArtifactNotFound:
        return False


def is_whole(artifacts: ArtifactStore, model: InstalledModel) -> bool:
    """Whether all files of a registered model are there. Raises StoreUnavailable."""
    return all(is_stored(artifacts, model_key(model.name, model.version, file.name), file) for file in model.files)
