"""Conversions: variants of an installed model, made and looked at in a process of their own, and registered."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from shared.errors import InvalidSpec, ModelUnusable
from shared.results import ConvertResult, InstalledModel, VariantDetails
from shared.specs import ModelConvertSpec
from workers.context import JobContext
from workers.conversion import ConversionRequest, make_variants
from workers.handlers import WorkerEnvironment
from workers.installation import Installation, Replaced, StagedModel, stage
from workers.model_store import InstalledModelDir

_VARIANT = "openvino-"


def build(environment: WorkerEnvironment) -> "ModelConvert":
    """The handler of ``model_convert`` jobs."""
    return ModelConvert(environment)


class ModelConvert:
    """Handler of ``model_convert`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._environment = environment
        self._models = environment.model_store
        self._media = environment.media_store

    def run(self, context: JobContext) -> ConvertResult:
        """See the port. Raises ModelError, MediumNotInstalled, and what the stores do."""
        task = context.task
        if not isinstance(task, ModelConvertSpec):
            msg = f"not a conversion: {task.kind}"
            raise TypeError(msg)
        entry = self._environment.entry(task.model)
        if entry is None:
            raise InvalidSpec(("/model", f"unknown model {task.model!r}"))
        base = self._models.ensure(task.model)
        media = {name: self._media.ensure(name, context.tenant) for name in task.calibration.media}
        folder = context.scratch / "model"
        folder.mkdir()
        _take(base, folder, [file.name for file in base.model.files])
        request = ConversionRequest(
            entry=entry,
            folder=folder,
            precisions=list(dict.fromkeys(task.precisions)),
            samples=task.samples,
            media={name: each.path for name, each in media.items()},
            calibration_samples=task.calibration.samples,
        )
        made = make_variants(
            request, context.check, lambda done, message: context.progress(0.9 * done, "convert", message)
        )
        return ConvertResult(model=self._install(context, base, folder, made), variants=made)

    def _install(
        self, context: JobContext, base: InstalledModelDir, folder: Path, made: Mapping[str, VariantDetails]
    ) -> InstalledModel:
        """Beside whatever other variants the model has by then."""
        while True:
            context.progress(0.9, "store", base.model.name)
            staged = _staged(context, base, folder, made)
            with suppress(Replaced), self._installation() as job:
                job.upload(staged, context.check)
                context.check()
                installed = job.register(context.check, expecting={base.model.name: base.model.version})
                return installed[base.model.name]
            newer = self._models.ensure(base.model.name)
            if _own_files(newer.model) != _own_files(base.model):
                raise ModelUnusable(f"{newer.model.name} was replaced while it was converted; ask for it again")
            base = newer
            _take(base, folder, _missing(base, folder))

    def _installation(self) -> Installation:
        environment, models = self._environment, self._environment.settings.models
        return Installation(
            environment.artifacts,
            environment.beacon,
            versions_kept=models.versions_kept,
            quota=models.quota_bytes,
        )

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Conversions need no model in memory."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def _take(model: InstalledModelDir, folder: Path, names: Iterable[str]) -> None:
    for name in names:
        shutil.copyfile(model.path / name, folder / name)


def _missing(model: InstalledModelDir, folder: Path) -> list[str]:
    return [file.name for file in model.model.files if not (folder / file.name).exists()]


def _own_files(model: InstalledModel) -> set[str]:
    return {file.sha256 for file in model.files if not file.name.startswith(_VARIANT)}


def _staged(
    context: JobContext, base: InstalledModelDir, folder: Path, made: Mapping[str, VariantDetails]
) -> StagedModel:
    old = {file.name: file.sha256 for file in base.model.files if Path(file.name).stem not in made}
    return stage(
        base.model.name,
        folder,
        base.model.source,
        context.check,
        known=old,
        details={**base.model.details, **made},
        entry=base.model.entry,
    )
