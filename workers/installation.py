"""From a folder of files to an installed model: all of it, or nothing."""

import hashlib
import mimetypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from shared.errors import ArtifactNotFound, Unavailable
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledFile, InstalledModel
from workers.model_store import file_sha256, model_key

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
    """Models on their way into the store. Left before ``register`` was through, it takes back what it stored."""

    def __init__(self, artifacts: ArtifactStore, beacon: WorkerBeacon) -> None:
        self._artifacts = artifacts
        self._beacon = beacon
        self._models: list[InstalledModel] = []
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
        self._models.append(model.record)
        for file in model.record.files:
            check()
            key = model_key(model.record.name, model.record.version, file.name)
            if self._sha256(key) != file.sha256:
                # Noted before: a put that fails midway is taken back too.
                self._stored.append((model.record, key))
                media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                self._artifacts.put_file(key, model.folder / file.name, media_type)

    def register(self) -> None:
        """From now on the models are installed; files of the versions they replace go."""
        before = self._beacon.models()
        for model in self._models:
            self._beacon.install(model)
            log.info("model_installed", model=model.name, version=model.version, source=model.source)
        self._stored.clear()
        for model in self._models:
            old = before.get(model.name)
            if old is not None and old.version != model.version:
                self._forget(old)

    def _sha256(self, key: str) -> str | None:
        try:
            return self._artifacts.stat(key).sha256
        except ArtifactNotFound:
            return None

    def _take_back(self) -> None:
        try:
            registered = {(model.name, model.version) for model in self._beacon.models().values()}
            for model, key in self._stored:
                # Another job may have installed the same version meanwhile: then the files are its.
                if (model.name, model.version) not in registered:
                    self._artifacts.delete(key)
        except Unavailable as error:
            log.warning("model_files_left_behind", keys=[key for _, key in self._stored], reason=error.detail)

    def _forget(self, old: InstalledModel) -> None:
        try:
            for file in old.files:
                self._artifacts.delete(model_key(old.name, old.version, file.name))
        except Unavailable as error:
            log.warning("old_version_left_behind", model=old.name, version=old.version, reason=error.detail)
