"""Model downloads: fetch, check, convert, store, register.

Nothing is registered before all models of the job are stored; until then, a failure leaves nothing behind but the
beginnings of files, for the next attempt to go on from.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import structlog

from shared.catalogue import CatalogueEntry
from shared.results import DownloadResult, DownloadTimings, InstalledModel, VariantDetails
from shared.specs import ModelDownloadSpec
from workers.context import JobContext
from workers.conversion import ConversionRequest, make_variants
from workers.handlers import WorkerEnvironment
from workers.handlers.model_wants import apart, inside, is_current, precisions_of, wanted
from workers.hubs.fetcher import Fetched, Fetcher
from workers.hubs.meter import Abandoned, JobMeter
from workers.hubs.partials import Partials
from workers.installation import Installation, StagedModel, is_whole, restore, stage
from workers.rights import held

Convert = Callable[[ConversionRequest, Callable[[], None]], dict[str, VariantDetails]]

_SAMPLES = 16
"""Inputs that a variant is compared with the original on: a look, where a conversion job takes more."""

log = structlog.stdlib.get_logger()


def build(environment: WorkerEnvironment) -> "ModelDownload":
    """The handler of ``model_download`` jobs."""
    return ModelDownload(environment)


class ModelDownload:
    """Handler of ``model_download`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment, converter: Convert = make_variants) -> None:
        self._settings = environment.settings
        self._catalogue = environment.catalogue
        self._artifacts = environment.artifacts
        self._beacon = environment.beacon
        self._convert = converter
        sources = environment.settings.sources
        self._partials = Partials(environment.settings.worker.data_dir / "partial", sources.partial_s)

    def run(self, context: JobContext) -> DownloadResult:
        """See the port. Models that another job downloads just now are waited for."""
        if not isinstance(context.task, ModelDownloadSpec):
            msg = f"not a download: {context.task.kind}"
            raise TypeError(msg)
        self._partials.sweep()
        task, kept = apart(context.task)
        restored = [restore(self._artifacts, self._beacon, *each, context.check) for each in kept]
        result = self._download(context, task)
        return result.model_copy(update={"models": [*restored, *result.models]})

    def _download(self, context: JobContext, task: ModelDownloadSpec) -> DownloadResult:
        entries = wanted(self._catalogue, task)

        def wait(right: str) -> None:
            context.check()
            context.progress(0.0, "wait", f"another job downloads {right.partition(':')[2]}")

        rights = [f"download:{entry.name}" for entry in self._due(task, entries)]
        with held(self._beacon, rights, context.job.id, self._settings.sources.hold_s, wait):
            return self._install(context, task, entries)

    def _due(self, task: ModelDownloadSpec, entries: Sequence[CatalogueEntry]) -> list[CatalogueEntry]:
        installed = self._beacon.models()
        return [
            entry
            for entry in entries
            if task.force or not self._is_there(entry, installed.get(entry.name), task.precisions)
        ]

    def _is_there(self, entry: CatalogueEntry, model: InstalledModel | None, precisions: Sequence[str]) -> bool:
        """The registry's word isn't enough: somebody may have emptied the artifact store."""
        return model is not None and is_current(entry, model, precisions) and is_whole(self._artifacts, model)

    def _install(
        self, context: JobContext, task: ModelDownloadSpec, entries: Sequence[CatalogueEntry]
    ) -> DownloadResult:
        due, installed = self._due(task, entries), self._beacon.models()
        meter = JobMeter(context, files=sum(len(entry.files) for entry in due))
        clock = _Stages()
        fetched = self._fetch_all(context, due, meter, installed)
        clock.next("fetch")
        checked_ms = round(1000 * sum(got.checked_s for files in fetched.values() for got in files), 1)
        staged = [
            self._stage(context, entry, fetched[entry.name], precisions_of(entry, task, installed.get(entry.name)))
            for entry in due
        ]
        clock.next("convert")
        limits = self._settings.models
        with Installation(
            self._artifacts, self._beacon, versions_kept=limits.versions_kept, quota=limits.quota_bytes
        ) as installation:
            for number, model in enumerate(staged):
                context.progress(0.9 + 0.1 * number / len(staged), "store", model.record.name)
                installation.upload(model, context.check)
            context.check()
            installation.register(context.check)
        clock.next("store")
        now = installed | {model.record.name: model.record for model in staged}
        return DownloadResult(
            models=[now[entry.name].model_copy(update={"older": []}) for entry in entries],
            downloaded_bytes=meter.total,
            timings=DownloadTimings(check_ms=checked_ms, **clock.ms),
        )

    def _fetch_all(
        self,
        context: JobContext,
        due: Sequence[CatalogueEntry],
        meter: JobMeter,
        installed: Mapping[str, InstalledModel],
    ) -> dict[str, list[Fetched]]:
        """By model. The first failure ends the other transfers, too."""
        left = self._quota_left(due, installed)
        fetcher = Fetcher(context.scratch / "sources", self._settings.sources, self._partials, left)

        def fetch(entry: CatalogueEntry) -> list[Fetched]:
            try:
                return _fetch(entry, _folder(context, entry), fetcher, meter)
            except BaseException:
                meter.abandon()
                raise

        at_once = min(self._settings.sources.concurrency, max(len(due), 1))
        with ThreadPoolExecutor(at_once, thread_name_prefix="fetch") as pool:
            jobs = {entry.name: pool.submit(copy_context().run, fetch, entry) for entry in due}
        failures = [error for job in jobs.values() if (error := job.exception())]
        for error in sorted(failures, key=lambda error: isinstance(error, Abandoned)):
            raise error
        return {name: job.result() for name, job in jobs.items()}

    def _quota_left(self, due: Sequence[CatalogueEntry], installed: Mapping[str, InstalledModel]) -> int | None:
        """Bytes that the due models may have together; what they replace doesn't count."""
        if not (quota := self._settings.models.quota_bytes):
            return None
        names = {entry.name for entry in due}
        staying = [model for name, model in installed.items() if name not in names]
        kept = [each for model in staying for each in (model, *model.older)]
        return quota - sum(file.size for model in kept for file in model.files)

    def _stage(
        self, context: JobContext, entry: CatalogueEntry, fetched: Sequence[Fetched], precisions: Sequence[str]
    ) -> StagedModel:
        folder = _folder(context, entry)
        details: dict[str, VariantDetails] = {}
        if precisions:
            context.progress(0.9, "convert", f"{entry.name}: {', '.join(precisions)}")
            request = ConversionRequest(entry=entry, folder=folder, precisions=list(precisions), samples=_SAMPLES)
            details = self._convert(request, context.check)
        known = {file.name: got.sha256 for file, got in zip(entry.files, fetched, strict=True)}
        source = "; ".join(dict.fromkeys(got.source for got in fetched))
        own = (
            None if entry.name in self._catalogue.by_name else entry.model_dump(mode="json", exclude_defaults=True)
        )
        return stage(entry.name, folder, source, context.check, known=known, details=details, entry=own)

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


class _Stages:
    """How long each part of the work took, in milliseconds."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self.ms: dict[str, float] = {}

    def next(self, ended: str) -> None:
        now = time.monotonic()
        self.ms[f"{ended}_ms"] = round((now - self._since) * 1000, 1)
        self._since = now


def _folder(context: JobContext, entry: CatalogueEntry) -> Path:
    return context.scratch / "models" / entry.name


def _fetch(entry: CatalogueEntry, folder: Path, fetcher: Fetcher, meter: JobMeter) -> list[Fetched]:
    folder.mkdir(parents=True)
    fetched: list[Fetched] = []
    for file in entry.files:
        progress = meter.file(entry.name)
        fetched.append(fetcher.fetch(file, inside(folder, file.name), progress))
        progress.over()
    return fetched
