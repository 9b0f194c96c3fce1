"""One file, from the first of its sources that can be read, and what its content proves to be."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import structlog

from shared.errors import ChecksumMismatch, SourceRefused, SourceUnavailable
from shared.settings import SourceSettings
from shared.sources import (
    FileSource,
    HubSource,
    ModelFile,
    PackageSource,
    PinnedFile,
    S3Source,
    Source,
    UrlSource,
    ZooSource,
    describe,
    source_refused,
)
from workers.hubs import Hub, HubTools, Meter, Origin
from workers.hubs.checksum import Sum
from workers.hubs.partials import Partials
from workers.hubs.room import Room
from workers.model_store import file_sha256, mismatch

HUBS: Mapping[type[Source], str] = {
    UrlSource: "workers.hubs.web:WebHub",
    PackageSource: "workers.hubs.wheels:WheelHub",
    HubSource: "workers.hubs.huggingface:HuggingFaceHub",
    ZooSource: "workers.hubs.zoo:ZooHub",
    S3Source: "workers.hubs.s3:S3Hub",
    FileSource: "workers.hubs.files:FileHub",
}
"""Kind of source to ``module:class``, made with HubTools when the first such source is read."""

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Fetched:
    """``source``: where it came from, for people. ``pinned``: its sha256 was compared with one known before.

    ``checked_s``: seconds that its sha256 took.
    """

    source: str
    sha256: str
    size: int
    pinned: bool
    checked_s: float = 0.0


class Fetcher:
    """For one job; threads share it. ``folder`` holds what is only needed on the way.

    ``partials``: what to go on from; by default nothing outlives the job. ``quota_left``: bytes for its files.
    """

    def __init__(
        self,
        folder: Path,
        settings: SourceSettings | None = None,
        partials: Partials | None = None,
        quota_left: int | None = None,
    ) -> None:
        self._settings = settings or SourceSettings()
        kept = partials or Partials(folder / "partial", self._settings.partial_s)
        self._tools = HubTools(self._settings, folder, kept, Room(self._settings, quota_left))
        self._hubs: dict[type[Source], Hub[Any]] = {}
        self._lock = threading.Lock()

    def fetch(self, file: ModelFile | PinnedFile, target: Path, meter: Meter) -> Fetched:
        """Write the file to ``target``; its sha256 is taken, and compared where one is known.

        Raises SourceUnavailable with what each source said (SourceRefused if none may be read), ChecksumMismatch,
        OutOfSpace, what ``meter`` raises, and OSError when ``target`` can't be written.
        """
        said: list[str] = []
        unavailable = False
        for source in file.sources:
            try:
                return self._checked(source, file, target, meter)
            except (SourceUnavailable, SourceRefused) as error:
                unavailable |= isinstance(error, SourceUnavailable)
                log.warning("source_unavailable", file=file.name, code=error.code, reason=error.detail)
                name = describe(source)
                said.append(error.detail if error.detail.startswith(name) else f"{name}: {error.detail}")
        failure = SourceUnavailable if unavailable else SourceRefused
        raise failure(f"{file.name} can't be fetched. " + "; ".join(said))

    def _checked(self, source: Source, file: ModelFile | PinnedFile, target: Path, meter: Meter) -> Fetched:
        origin = self._read(source, target, meter)
        try:
            return _proved(file, origin, target, meter)
        except ChecksumMismatch:
            if not origin.resumed:
                raise
            log.warning("file_fetched_anew", file=file.name, source=origin.name)
        return _proved(file, self._read(source, target, meter), target, meter)

    def _read(self, source: Source, target: Path, meter: Meter) -> Origin:
        if refused := source_refused(source, self._settings):
            raise SourceRefused(refused)
        return self._hub(type(source)).fetch(source, target, meter)

    def _hub(self, kind: type[Source]) -> Hub[Any]:
        with self._lock:
            if kind not in self._hubs:
                module, _, name = HUBS[kind].partition(":")
                make = cast("Callable[[HubTools], Hub[Any]]", getattr(import_module(module), name))
                self._hubs[kind] = make(self._tools)
            return self._hubs[kind]


def _proved(file: ModelFile | PinnedFile, origin: Origin, target: Path, meter: Meter) -> Fetched:
    size, begun = target.stat().st_size, time.perf_counter()
    if (known := origin.sum) is None:
        got = file_sha256(target, lambda: meter.transferred(size, size))
        known = Sum(got, time.perf_counter() - begun)
    expected = file.sha256 or origin.announced
    if expected not in {None, known.sha256}:
        raise mismatch(file.name, str(expected), known.sha256)
    return Fetched(origin.name, known.sha256, size, expected is not None, known.seconds)
