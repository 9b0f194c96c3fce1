"""Media downloads: fetch, check, look into, store, add to the library."""

from collections.abc import Sequence

from shared.errors import InvalidSpec, MediumRefused
from shared.media import MediaEntry
from shared.media_library import MediaLibrary
from shared.results import InstalledMedium, InstalledModel, MediaResult
from shared.specs import MediaDownloadSpec
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.model_wants import inside
from workers.hubs.fetcher import Fetcher
from workers.hubs.meter import JobMeter
from workers.hubs.partials import Partials
from workers.media_making import Raw, make


def build(environment: WorkerEnvironment) -> "MediaDownload":
    """The handler of ``media_download`` jobs."""
    return MediaDownload(environment)


class MediaDownload:
    """Handler of ``media_download`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._catalogue = environment.media
        self._settings = environment.settings
        self._beacon = environment.beacon
        self._library = MediaLibrary(environment.artifacts, environment.beacon)
        self._sources = environment.settings.sources
        self._partials = Partials(environment.settings.worker.data_dir / "partial", self._sources.partial_s)

    def run(self, context: JobContext) -> MediaResult:
        """See the port. What was added stays added if a later medium can't be had."""
        if not isinstance(context.task, MediaDownloadSpec):
            msg = f"not a download of media: {context.task.kind}"
            raise TypeError(msg)
        entries = self._entries(context.task.media)
        library = self._beacon.media()
        due = [entry for entry in entries if not self._is_there(entry, library.get(entry.name))]
        meter = JobMeter(context, files=len(due))
        fetcher = Fetcher(context.scratch / "sources", self._sources, self._partials)
        for entry in due:
            library[entry.name] = self._add(context, entry, fetcher, meter)
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
        return medium is not None and medium.file.sha256 == entry.file.sha256 and self._library.has(medium)

    def _add(self, context: JobContext, entry: MediaEntry, fetcher: Fetcher, meter: JobMeter) -> InstalledMedium:
        folder = context.scratch / "media" / entry.name
        folder.mkdir(parents=True)
        path = inside(folder, entry.file.name)
        file = meter.file(entry.name)
        fetcher.fetch(entry.file, path, file)
        file.over()
        making = context.scratch / "making" / entry.name
        making.mkdir(parents=True)
        raw = Raw(path, entry.name, entry.kind, entry.licence, listed=True, sha256=entry.file.sha256)
        try:
            made = make(raw, making, self._settings, context.check)
        except MediumRefused as error:
            raise type(error)(f"{entry.file.name}: {error.detail}") from error
        old = self._beacon.media().get(entry.name)
        # What somebody uploaded under this name is theirs.
        replace = old is None or old.origin == "catalogue"
        self._library.add(made.medium, made.contents, context.check, replace=replace)
        return made.medium

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
