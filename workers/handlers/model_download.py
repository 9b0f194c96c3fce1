"""Model downloads: fetch, check, convert, store, register.

Nothing is registered before all models of the job are stored; until then, a failure leaves nothing behind.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from shared.catalogue import Catalogue, CatalogueEntry
from shared.errors import InvalidSpec
from shared.results import DownloadResult, InstalledModel
from shared.settings import Settings
from shared.sources import ModelFile, PinnedFile
from shared.specs import ModelDownloadSpec
from workers.context import JobContext
from workers.conversion import convert, variant_name
from workers.handlers import WorkerEnvironment
from workers.hubs.fetcher import Fetcher
from workers.installation import Installation, StagedModel, is_whole, stage
from workers.model_store import file_sha256, mismatch

Convert = Callable[[Settings, str, Path, Sequence[str], Callable[[], None]], None]

log = structlog.stdlib.get_logger()


def build(environment: WorkerEnvironment) -> "ModelDownload":
    """The handler of ``model_download`` jobs."""
    return ModelDownload(environment)


class ModelDownload:
    """Handler of ``model_download`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment, converter: Convert = convert) -> None:
        self._settings = environment.settings
        self._catalogue = environment.catalogue
        self._artifacts = environment.artifacts
        self._beacon = environment.beacon
        self._convert = converter

    def run(self, context: JobContext) -> DownloadResult:
        """See the port."""
        if not isinstance(context.task, ModelDownloadSpec):
            msg = f"not a download: {context.task.kind}"
            raise TypeError(msg)
        task = context.task
        entries = with_required(self._catalogue, task.models)
        installed = self._beacon.models()
        due = [
            entry
            for entry in entries
            if task.force or not self._is_there(entry, installed.get(entry.name), task.precisions)
        ]
        meter = ByteMeter(context, files=sum(len(entry.files) for entry in due))
        fetcher = Fetcher(context.scratch / "sources")
        staged = [
            self._stage(context, entry, _precisions(entry, task, installed.get(entry.name)), fetcher, meter)
            for entry in due
        ]
        with Installation(self._artifacts, self._beacon) as installation:
            for number, model in enumerate(staged):
                context.progress(0.9 + 0.1 * number / len(staged), "store", model.record.name)
                installation.upload(model, context.check)
            context.check()
            installation.register(context.check)
        now = installed | {model.record.name: model.record for model in staged}
        return DownloadResult(models=[now[entry.name] for entry in entries], downloaded_bytes=meter.total)

    def _stage(
        self,
        context: JobContext,
        entry: CatalogueEntry,
        precisions: Sequence[str],
        fetcher: Fetcher,
        meter: "ByteMeter",
    ) -> StagedModel:
        folder = context.scratch / "models" / entry.name
        folder.mkdir(parents=True)
        sources: list[str] = []
        for file in entry.files:
            meter.next_file(entry.name)
            target = inside(folder, file.name)
            sources.append(fetcher.fetch(file, target, meter))
            verify(file, target, context.check)
        if precisions:
            context.progress(meter.fraction, "convert", f"{entry.name}: {', '.join(precisions)}")
            self._convert(self._settings, entry.name, folder, precisions, context.check)
        return stage(entry.name, folder, "; ".join(dict.fromkeys(sources)), context.check)

    def _is_there(self, entry: CatalogueEntry, model: InstalledModel | None, precisions: Sequence[str]) -> bool:
        """The registry's word isn't enough: somebody may have emptied the artifact store."""
        return model is not None and is_current(entry, model, precisions) and is_whole(self._artifacts, model)

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


@dataclass
class ByteMeter:
    """Turns transfers into the job's progress. ``total``: bytes transferred so far, over all files."""

    context: JobContext
    files: int
    total: int = 0
    _name: str = ""
    _number: int = -1
    _done: int = 0
    _share: float = field(default=0.0)

    def next_file(self, name: str) -> None:
        """The next transfers are for another file, of this model."""
        self._name = name
        self._number += 1
        self._done, self._share = 0, 0.0

    @property
    def fraction(self) -> float:
        """Of the whole job; storing is the last tenth of it."""
        return 0.9 * (self._number + self._share) / max(self.files, 1)

    def transferred(self, done: int, total: int | None) -> None:
        """See the hubs' port."""
        self.context.check()
        self.total += max(done - self._done, 0)
        self._done = done
        if not done:
            message = f"{self._name}: waiting for its source"
        elif total is None:
            message = f"{self._name}: {done / 1e6:.1f} MB"
        else:
            self._share = min(done / max(total, 1), 1.0)
            message = f"{self._name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB"
        self.context.progress(self.fraction, "download", message)


def with_required(catalogue: Catalogue, names: Sequence[str]) -> list[CatalogueEntry]:
    """The entries of these names and of all they require, required ones first, each once.

    Raises InvalidSpec for names that aren't in the catalogue.
    """
    known = catalogue.by_name
    if broken := [
        (f"/models/{i}", f"unknown model {name!r}") for i, name in enumerate(names) if name not in known
    ]:
        raise InvalidSpec(*broken)
    found: dict[str, CatalogueEntry] = {}
    for name in names:
        _collect(known, name, found, frozenset())
    return list(found.values())


def _collect(
    known: Mapping[str, CatalogueEntry], name: str, found: dict[str, CatalogueEntry], above: frozenset[str]
) -> None:
    if name in found or name in above:
        return
    for needed in known[name].requires.values():
        for other in needed:
            _collect(known, other, found, above | {name})
    found[name] = known[name]


def is_current(entry: CatalogueEntry, model: InstalledModel, precisions: Sequence[str]) -> bool:
    """Whether the installed model has the catalogue's files, and the variants asked for."""
    has = {(file.name, file.sha256) for file in model.files}
    wanted = {variant_name(precision) for precision in precisions} if "openvino" in entry.runtimes else set[str]()
    return has >= {(file.name, file.sha256) for file in entry.files} and wanted <= set(model.variants)


def _precisions(entry: CatalogueEntry, task: ModelDownloadSpec, model: InstalledModel | None) -> list[str]:
    """Those to make: what is asked for, and what an installed version would lose."""
    if "openvino" not in entry.runtimes:
        return []
    kept = model.variants if model else []
    return [one for one in ("FP32", "FP16") if one in task.precisions or variant_name(one) in kept]


def inside(folder: Path, name: str) -> Path:
    """The file of a catalogue's entry in ``folder``. Raises ValueError for a name with folders."""
    if name != Path(name).name or name in {"", ".", ".."}:
        msg = f"the catalogue names a file {name!r}; a name without folders is needed"
        raise ValueError(msg)
    return folder / name


def verify(file: ModelFile | PinnedFile, path: Path, check: Callable[[], None]) -> None:
    """Raises ChecksumMismatch, and what ``check`` raises."""
    got = file_sha256(path, check)
    if file.sha256 is not None and got != file.sha256:
        raise mismatch(file.name, file.sha256, got)
