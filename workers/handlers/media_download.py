"""Media downloads: fetch, check, look into, store, add to the library."""

import mimetypes
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from shared.errors import InvalidSpec, Unavailable
from shared.media import MediaEntry
from shared.results import InstalledFile, InstalledMedium, InstalledModel, MediaResult
from shared.specs import MediaDownloadSpec
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.model_download import ByteMeter, inside, verify
from workers.hubs.fetcher import Fetcher
from workers.installation import is_stored
from workers.media_store import medium_key
from workers.probe import Probed, probe

log = structlog.stdlib.get_logger()

Probe = Callable[[Path, Callable[[], None]], Probed]


def build(environment: WorkerEnvironment) -> "MediaDownload":
    """The handler of ``media_download`` jobs."""
    return MediaDownload(environment)


class MediaDownload:
    """Handler of ``media_download`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment, prober: Probe = probe) -> None:
        self._catalogue = environment.media
        self._artifacts = environment.artifacts
        self._beacon = environment.beacon
        self._probe = prober

    def run(self, context: JobContext) -> MediaResult:
        """See the port. What was added stays added if a later medium can't be had."""
        if not isinstance(context.task, MediaDownloadSpec):
            msg = f"not a download of media: {context.task.kind}"
            raise TypeError(msg)
        entries = self._entries(context.task.media)
        library = self._beacon.media()
        due = [entry for entry in entries if not self._is_there(entry, library.get(entry.name))]
        meter = ByteMeter(context, files=len(due))
        fetcher = Fetcher(context.scratch / "sources")
        for entry in due:
            meter.next_file(entry.name)
            library[entry.name] = self._add(context, entry, fetcher, meter, library.get(entry.name))
        return MediaResult(media=[library[entry.name] for entry in entries], downloaded_bytes=meter.total)

    def _entries(self, names: Sequence[str]) -> list[MediaEntry]:
        known = self._catalogue.by_name
        broken = [
            (f"/media/{at}", f"unknown medium {name!r}") for at, name in enumerate(names) if name not in known
        ]
        if broken:
            raise InvalidSpec(*broken)
        return [known[name] for name in dict.fromkeys(names)]

    def _is_there(self, entry: MediaEntry, medium: InstalledMedium | None) -> bool:
        """The library's word isn't enough: somebody may have emptied the artifact store."""
        if medium is None or medium.file.sha256 != entry.file.sha256:
            return False
        return is_stored(self._artifacts, medium_key(medium.name, medium.version, medium.file.name), medium.file)

    def _add(
        self,
        context: JobContext,
        entry: MediaEntry,
        fetcher: Fetcher,
        meter: ByteMeter,
        old: InstalledMedium | None,
    ) -> InstalledMedium:
        folder = context.scratch / "media" / entry.name
        folder.mkdir(parents=True)
        path = inside(folder, entry.file.name)
        fetcher.fetch(entry.file, path, meter)
        verify(entry.file, path, context.check)
        medium = described(entry, path, self._probe(path, context.check))
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        self._artifacts.put_file(medium_key(medium.name, medium.version, medium.file.name), path, media_type)
        context.check()
        self._beacon.add_medium(medium)
        log.info("medium_added", medium=medium.name, version=medium.version)
        if old is not None and old.version != medium.version:
            self._forget(old)
        return medium

    def _forget(self, old: InstalledMedium) -> None:
        try:
            self._artifacts.delete(medium_key(old.name, old.version, old.file.name))
        except Unavailable as error:
            log.warning("medium_left_behind", medium=old.name, version=old.version, reason=error.detail)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Downloads need no model."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def described(entry: MediaEntry, path: Path, found: Probed) -> InstalledMedium:
    """The medium of a file whose sha256 was checked."""
    return InstalledMedium(
        name=entry.name,
        version=entry.file.sha256[:16],
        kind="video",
        file=InstalledFile(name=entry.file.name, size=path.stat().st_size, sha256=entry.file.sha256),
        **found.model_dump(),
        duration_s=found.duration_s,
        licence=entry.licence,
        installed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
