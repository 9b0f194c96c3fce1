"""Installed models as folders on this machine, fetched from the artifact store when they aren't here yet."""

from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import ArtifactNotFound, ChecksumMismatch, ModelNotInstalled, ModelUnusable
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledModel
from workers.cache import LIMIT, Cache, Pin, Wanted, file_sha256, mismatch

MODELS = "models/"
"""Where all of them are in the artifact store."""

__all__ = ["InstalledModelDir", "ModelStore", "file_sha256", "mismatch", "model_key"]


@dataclass(frozen=True, slots=True)
class InstalledModelDir:
    """A model with all files under ``path``, checked against their sha256; they stay as long as this object."""

    path: Path
    model: InstalledModel
    pin: Pin | None = field(default=None, repr=False, compare=False)


class ModelStore:
    """The models of this machine. Several processes may share one ``directory``; ``limit`` in bytes."""

    def __init__(
        self, directory: Path, artifacts: ArtifactStore, beacon: WorkerBeacon, limit: int = LIMIT
    ) -> None:
        self._cache = Cache(directory, artifacts, limit)
        self._beacon = beacon

    def installed(self) -> dict[str, InstalledModel]:
        """What the registry names now, whether or not it is on this machine. Raises StoreUnavailable."""
        return self._beacon.models()

    def ensure(self, name: str) -> InstalledModelDir:
        """The newest installed version of a model, fetched first if need be. Asks the registry each time.

        Raises ModelNotInstalled, ModelUnusable (its files are gone or broken in the artifact store too),
        OutOfSpace and StoreUnavailable.
        """
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
        def key(file: str) -> str:
            return model_key(model.name, model.version, file)

        try:
            path, pin = self._cache.ensure(Wanted(model.name, model.version, model.files, key))
        except ChecksumMismatch as error:
            raise ModelUnusable(error.detail) from error
        return InstalledModelDir(path, model, pin)


def model_key(name: str, version: str, file: str) -> str:
    """Where a model's file is in the artifact store."""
    return f"{MODELS}{name}/{version}/{file}"
