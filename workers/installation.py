"""From a folder of files to an installed model: all of it, or nothing."""

import hashlib
import mimetypes
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from shared.errors import ArtifactNotFound, ModelNotInstalled, ModelUnusable, OutOfSpace, Unavailable
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledFile, InstalledModel, VariantDetails
from workers.model_right import HOLD_S, ModelRight
from workers.model_store import file_sha256, model_key

_PATIENCE_S = 10.0

log = structlog.stdlib.get_logger()


class Replaced(Exception):
    """Somebody else has installed another version meanwhile."""


@dataclass(frozen=True, slots=True)
class StagedModel:
    """A model whose files lie in ``folder``, checked, but not yet stored. Nobody writes to them any more."""

    folder: Path
    record: InstalledModel


def version_of(files: Iterable[InstalledFile]) -> str:
    """Names the content: the same files give the same version."""
    sums = "".join(sorted(file.sha256 for file in files))
    return hashlib.sha256(sums.encode()).hexdigest()[:16]


def stage(
    name: str,
    folder: Path,
    source: str,
    check: Callable[[], None],
    *,
    known: Mapping[str, str] | None = None,
    details: Mapping[str, VariantDetails] | None = None,
    entry: Mapping[str, Any] | None = None,
) -> StagedModel:
    """Describe what lies in ``folder``. Variants are named by their ``.xml`` files.

    ``known``: sha256 of files by their names, so that they aren't read again for it.
    """
    sums = known or {}
    files = [
        InstalledFile(
            name=path.name, size=path.stat().st_size, sha256=sums.get(path.name) or file_sha256(path, check)
        )
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
        details=dict(details or {}),
        entry=None if entry is None else dict(entry),
    )
    return StagedModel(folder, record)


class Installation:
    """Models on their way into the store. Left before ``register`` was through, it takes back what it stored.

    Other jobs may install other versions of the same models meanwhile. So whoever registers a version, or deletes
    files of one, first takes the one right to do so. Under it, a version is registered only after all its files
    were seen there, and files are deleted only of versions that the registry doesn't name: hence what the
    registry names has its files. Uploads need no such right, as what they stored is looked at again under it. A
    process that stands still for half a minute between a look and what follows could break this; then the next
    download of the model repairs it, for downloads look at the files too. What a killed process stored and didn't
    register is an orphan that a sweep removes.

    ``versions_kept``: older versions that stay. ``quota``: bytes of these models and of all others, kept versions
    included; 0: no limit.
    """

    def __init__(
        self,
        artifacts: ArtifactStore,
        beacon: WorkerBeacon,
        hold_s: float = HOLD_S,
        *,
        versions_kept: int = 0,
        quota: int = 0,
    ) -> None:
        self._artifacts = artifacts
        self._beacon = beacon
        self._right = ModelRight(beacon, hold_s)
        self._hold_s = hold_s
        self._versions_kept = versions_kept
        self._quota = quota
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
        """Store its files; those that are there already stay. Raises OutOfSpace, also beyond the quota."""
        self._staged.append(model)
        self._require_room()
        self._store(model, check)

    def register(
        self, check: Callable[[], None], expecting: Mapping[str, str] | None = None
    ) -> dict[str, InstalledModel]:
        """From now on the models are installed; files of versions that aren't kept go. The records, by name.

        ``expecting``: versions, by name, that these are to replace. Raises Replaced if others are installed now.
        """
        try:
            self._gather(check)
            before = self._beacon.models()
            for name, version in (expecting or {}).items():
                if name not in before or before[name].version != version:
                    raise Replaced(name)
            return {model.record.name: self._install(model.record, before) for model in self._staged}
        finally:
            self._right.release()

    def _require_room(self) -> None:
        names = {model.record.name for model in self._staged}
        others = [model for name, model in self._beacon.models().items() if name not in names]
        kept = sum(size_of(each) for model in others for each in versions(model))
        asked = sum(size_of(model.record) for model in self._staged)
        if self._quota and kept + asked > self._quota:
            raise OutOfSpace(
                f"{', '.join(sorted(names))}: {asked} bytes, {max(self._quota - kept, 0)} are left of what models "
                "may take (FRAMELANE_MODELS__QUOTA_BYTES); delete some, or raise it"
            )

    def _install(self, record: InstalledModel, before: Mapping[str, InstalledModel]) -> InstalledModel:
        old = before.get(record.name)
        record, dropped = succeeding(record, old, self._versions_kept)
        self._beacon.install(record)
        log.info("model_installed", model=record.name, version=record.version, source=record.source)
        self._stored = [stored for stored in self._stored if stored[0].name != record.name]
        for each in dropped:
            delete_files(self._artifacts, self._beacon, self._right, ((each, key) for key in keys_of(each)))
        return record

    def _gather(self, check: Callable[[], None]) -> None:
        """Return while this job alone may register, just after all files were seen."""
        while True:
            self._right.take(check)
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
                self._artifacts.put_file(key, model.folder / file.name, media_type, file.sha256)
        return missing

    def _take_back(self) -> None:
        if not self._stored:
            return
        try:
            self._right.take(_patience())
            delete_files(self._artifacts, self._beacon, self._right, self._stored)
        except (Unavailable, TimeoutError) as error:
            keys = [key for _, key in self._stored]
            log.warning("model_files_left_behind", keys=keys, reason=str(error))
        finally:
            self._right.release()


def _patience() -> Callable[[], None]:
    give_up_at = time.monotonic() + _PATIENCE_S

    def check() -> None:
        if time.monotonic() > give_up_at:
            msg = f"another has the right to register models for more than {_PATIENCE_S:g} s"
            raise TimeoutError(msg)

    return check


def succeeding(
    record: InstalledModel, old: InstalledModel | None, kept: int
) -> tuple[InstalledModel, list[InstalledModel]]:
    """The record with the ``kept`` versions before it, and the versions that are dropped. Pure."""
    if old is None:
        return record, []
    if old.version == record.version:
        before, known = old.older, old.details
    else:
        before, known = [old.model_copy(update={"older": []}), *old.older], {}
    older = [each for each in before if each.version != record.version]
    details = {name: each for name, each in known.items() if name in record.variants} | record.details
    return record.model_copy(update={"older": older[:kept], "details": details}), older[kept:]


def restore(
    artifacts: ArtifactStore, beacon: WorkerBeacon, name: str, version: str, check: Callable[[], None]
) -> InstalledModel:
    """Make a kept version the installed one again; the one before it is kept in its place.

    Raises ModelNotInstalled for a version that isn't kept, ModelUnusable if its files are gone.
    """
    right = ModelRight(beacon)
    try:
        right.take(check)
        known = beacon.models().get(name)
        found = next((each for each in versions(known) if each.version == version), None) if known else None
        if known is None or found is None:
            kept = ", ".join(each.version for each in versions(known)) if known else "none"
            raise ModelNotInstalled(f"there is no version {version} of {name}; there are: {kept}")
        if not is_whole(artifacts, found):
            raise ModelUnusable(f"files of {name} {version} are missing from the artifact store")
        record, _ = succeeding(found.model_copy(update={"older": []}), known, len(known.older))
        beacon.install(record)
    finally:
        right.release()
    log.info("model_restored", model=name, version=version)
    return record


def keys_of(model: InstalledModel) -> list[str]:
    """Of this version's files."""
    return [model_key(model.name, model.version, file.name) for file in model.files]


def size_of(model: InstalledModel) -> int:
    """Bytes of this version's files."""
    return sum(file.size for file in model.files)


def versions(model: InstalledModel) -> list[InstalledModel]:
    """The version that is installed, and those that are kept."""
    return [model, *model.older]


def delete_files(
    artifacts: ArtifactStore, beacon: WorkerBeacon, right: ModelRight, files: Iterable[tuple[InstalledModel, str]]
) -> None:
    """Under the right. What can't be deleted now, or is another job's matter by now, stays."""
    for model, key in files:
        try:
            if not right.prolong():
                return
            named = beacon.models().get(model.name)
            if named is None or all(each.version != model.version for each in versions(named)):
                artifacts.delete(key)
        except Unavailable as error:
            log.warning("model_file_left_behind", key=key, reason=error.detail)


def is_stored(artifacts: ArtifactStore, key: str, file: InstalledFile) -> bool:
    """Whether this very file is there."""
    try:
        return artifacts.stat(key).sha256 == file.sha256
    except ArtifactNotFound:
        return False


def is_whole(artifacts: ArtifactStore, model: InstalledModel) -> bool:
    """Whether all files of a registered model are there. Raises StoreUnavailable."""
    return all(is_stored(artifacts, model_key(model.name, model.version, file.name), file) for file in model.files)
