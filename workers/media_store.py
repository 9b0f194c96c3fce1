"""Media of the library as files on this machine, fetched from the artifact store when they aren't here yet."""

from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import ArtifactNotFound, MediumNotInstalled
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledMedium
from workers.cache import LIMIT, Cache, Pin, Wanted


@dataclass(frozen=True, slots=True)
class MediumFile:
    """A medium whose file is at ``path``, checked against its sha256; it stays as long as this object."""

    path: Path
    medium: InstalledMedium
    pin: Pin | None = field(default=None, repr=False, compare=False)


class MediaStore:
    """The media of this machine. Several processes may share one ``directory``; ``limit`` in bytes."""

    def __init__(
        self, directory: Path, artifacts: ArtifactStore, beacon: WorkerBeacon, limit: int = LIMIT
    ) -> None:
        self._cache = Cache(directory, artifacts, limit)
        self._beacon = beacon

    def ensure(self, name: str) -> MediumFile:
        """A medium by its name, fetched first if need be. Asks the library each time.

        Raises MediumNotInstalled (also when its file is gone), ChecksumMismatch, OutOfSpace and StoreUnavailable.
        """
        known = self._beacon.media()
        if name not in known:
            msg = f"{name} isn't in the library; there are: {', '.join(sorted(known)) or 'none'}"
            raise MediumNotInstalled(msg)
        return self._ensure(known[name])

    def _ensure(self, medium: InstalledMedium) -> MediumFile:
        def key(file: str) -> str:
            return medium_key(medium.name, medium.version, file)

        try:
            folder, pin = self._cache.ensure(Wanted(medium.name, medium.version, [medium.file], key))
        except ArtifactNotFound as error:
            msg = f"the file of {medium.name} is missing from the artifact store; download it again"
            raise MediumNotInstalled(msg) from error
        return MediumFile(folder / medium.file.name, medium, pin)


def medium_key(name: str, version: str, file: str) -> str:
    """Where a medium's file is in the artifact store."""
    return f"media/{name}/{version}/{file}"
