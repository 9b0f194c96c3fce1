"""Media of the library as files on this machine, fetched from the artifact store when they aren't here yet."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import ArtifactNotFound, MediumNotInstalled
from shared.media import content_key
from shared.ports import ArtifactStore, WorkerBeacon
from shared.results import InstalledMedium
from workers.archives import Limits, extract
from workers.cache import LIMIT, Cache, Pin, Wanted


@dataclass(frozen=True, slots=True)
class MediumFile:
    """A medium whose file is at ``path``, checked against its sha256; it stays as long as this object.

    Of an image set: the folder with its images, numbered from 1.
    """

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

    def ensure(self, name: str, tenant: str) -> MediumFile:
        """A medium that the tenant may see, by its name, fetched first if need be. Asks the library each time.

        Raises MediumNotInstalled (also when its file is gone), ChecksumMismatch, OutOfSpace and StoreUnavailable.
        """
        known = {each: medium for each, medium in self._beacon.media().items() if medium.is_for(tenant)}
        if name not in known:
            msg = f"{name} isn't in the library; there are: {', '.join(sorted(known)) or 'none'}"
            raise MediumNotInstalled(msg)
        self._beacon.use_medium(name)
        return self._ensure(known[name])

    def _ensure(self, medium: InstalledMedium) -> MediumFile:
        wanted = Wanted(medium.name, medium.version, [medium.file], lambda _name: medium_key(medium))
        try:
            folder, pin = self._cache.ensure(wanted)
        except ArtifactNotFound as error:
            msg = f"the file of {medium.name} is missing from the artifact store; download it again"
            raise MediumNotInstalled(msg) from error
        path = folder / medium.file.name
        return MediumFile(unpacked(path, medium.frames) if medium.kind == "image_set" else path, medium, pin)


def unpacked(archive: Path, images: int) -> Path:
    """The folder of an image set's tar, beside it; made at the first call. Processes may call it at once."""
    folder = archive.with_suffix(".images")
    if folder.is_dir():
        return folder
    limits = Limits(entries=images, total=archive.stat().st_size, each=archive.stat().st_size)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=archive.parent) as draft:
        whole = Path(draft) / folder.name
        whole.mkdir()
        extract(archive, whole, limits, lambda: None)
        try:
            whole.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    return folder


def medium_key(medium: InstalledMedium) -> str:
    """Where a medium's file is in the artifact store."""
    return content_key(medium.file.sha256)
