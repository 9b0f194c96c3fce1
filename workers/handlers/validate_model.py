"""Validations of models: whether a variant answers as the original does."""

from shared.benchmarks import ModelAgreement, ValidateResult
from shared.errors import InvalidSpec
from shared.measurements import ComparedModel
from workers.comparison import Compared, ComparisonRequest, compare
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.bench import Bench
from workers.measuring.verdicts import MODEL_STAGES, Report, alike


def validated(environment: WorkerEnvironment, context: JobContext, model: ComparedModel) -> ValidateResult:
    """The verdict, kept. Raises InvalidSpec, ModelError where the original can't be had, MediumNotInstalled."""
    entry = environment.entry(model.name)
    if entry is None:
        raise InvalidSpec(("/model/name", f"unknown model {model.name!r}"))
    context.progress(0.0, "load", model.name)
    installed = environment.model_store.ensure(model.name)
    media = {name: environment.media_store.ensure(name, context.tenant) for name in model.media}
    request = ComparisonRequest(
        entry=entry,
        folder=installed.path,
        runtime=model.runtime,
        precision=model.precision,
        device=environment.device.id,
        threads=environment.settings.worker.threads or 1,
        samples=model.samples,
        media={name: each.path for name, each in media.items()},
    )
    context.progress(0.1, "run", f"{model.name}, {model.samples} samples at most")
    found = compare(request, context.scratch, context.check)
    report = _judged(found, model)
    result = ValidateResult(
        benchmark_id=context.job.id,
        valid=report.holds,
        failed_stage=report.failed,
        stages=report.stages(),
        frames=0,
        model=ModelAgreement(
            model=model.name,
            version=installed.model.version,
            original=found.original,
            variant=found.variant,
            drift=found.drift,
        ),
    )
    kept = Bench(environment, context).keep(result, [], (1.0 if report.holds else 0.0, "valid"))
    return result.model_copy(update={"report": kept})


def _judged(found: Compared, model: ComparedModel) -> Report:
    report = Report(order=MODEL_STAGES)
    if found.failed is not None:
        report.fails(*found.failed)
    elif found.drift is not None:
        report.passes("load", detail=f"{found.variant}, beside {found.original}")
        report.passes("run", detail=found.drift.inputs)
        alike(found.drift, model.tolerance, report)
    return report
