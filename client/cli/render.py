"""Jobs, devices and models as people read them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from client.cli.bench_render import measured_lines
from client.cli.media_render import medium_line
from client.cli.predictions import prediction
from client.cli.tables import plain_table
from client.sdk.answers import DeviceView, ModelView
from shared.benchmarks import DensityResult, OptimizeResult, PerformanceResult, SuiteResult, ValidateResult
from shared.graph.emitter import emit
from shared.jobs import Cancelled, Completed, Failed, Job
from shared.pipelines import Pipeline
from shared.results import (
    ConvertResult,
    DownloadResult,
    InferenceResult,
    MediaResult,
    MediaUploadResult,
    ModelDeleteResult,
    ModelUploadResult,
    PipelineResult,
    Result,
    SweepResult,
    VariantDetails,
)
from shared.states import JobState

STYLES = {
    JobState.PENDING: "yellow",
    JobState.RUNNING: "cyan",
    JobState.COMPLETED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "magenta",
}
_MOST_PREDICTIONS = 12


def state(of: JobState) -> Text:
    """The state in its colour."""
    return Text(of.value, style=STYLES[of])


def job_table(jobs: Iterable[Job]) -> Table:
    """One line per job."""
    table = plain_table("job", "state", "kind", "lane", "age", "ran", "labels")
    for job in jobs:
        labels = " ".join(f"{name}={value}" for name, value in job.labels.items())
        ran = milliseconds(job.run_ms)
        table.add_row(job.id, state(job.state), job.kind, job.lane, age(job.created_at), ran, labels)
    return table


def dead_table(jobs: Iterable[Job]) -> Table:
    """One line per job that died, with what of."""
    table = plain_table("job", "kind", "lane", "age", "tried", "why")
    for job in jobs:
        match job.outcome:
            case Failed(error=error):
                why = f"{error.code}: {error.detail}"
            case _:
                why = ""
        table.add_row(job.id, job.kind, job.lane, age(job.created_at), str(len(job.attempts)), why)
    return table


def device_table(devices: Iterable[DeviceView]) -> Table:
    """One line per device and host."""
    table = plain_table("device", "name", "host", "memory", "runtimes", "lanes", "busy")
    for each in devices:
        table.add_row(
            each.id,
            each.full_name,
            each.host,
            size(each.memory_bytes),
            " ".join(each.runtimes),
            " ".join(each.lanes),
            f"{each.busy} of {each.slots}",
        )
    return table


def model_table(models: Iterable[ModelView]) -> Table:
    """One line per model of the catalogue."""
    table = plain_table("model", "category", "installed", "licence", "variants", "what")
    for each in models:
        installed = each.installed
        version = Text(installed.version, style="green") if installed else Text("no", style="dim")
        variants = " ".join(installed.variants) if installed else ""
        what = Text(each.display_name).append("" if each.verified else "  (unverified)", style="yellow")
        table.add_row(each.name, each.category, version, each.licence, variants, what)
    return table


def pipeline_table(pipelines: Iterable[Pipeline]) -> Table:
    """One line per pipeline."""
    table = plain_table("pipeline", "variants", "source", "tags", "what")
    for each in pipelines:
        variants = " ".join(variant.id for variant in each.variants)
        own = Text("own", style="green") if each.source == "USER_CREATED" else Text("ships", style="dim")
        table.add_row(each.id, variants, own, ", ".join(each.tags), each.name)
    return table


def pipeline_view(pipeline: Pipeline) -> RenderableType:
    """A pipeline with the text of each variant."""
    lines: list[RenderableType] = [Text(pipeline.name, style="bold"), Text(pipeline.description)]
    for variant in pipeline.variants:
        lines += [Text(f"\n{variant.id}", style="green"), Text(emit(variant.pipeline_graph))]
    return Group(*lines)


def ended(job: Job, where: Callable[[str], object]) -> RenderableType:
    """How a job ended: what it answered or why it didn't, its times, what it left and ``where`` (by its name)."""
    lines: list[RenderableType] = [_headline(job)]
    match job.outcome:
        case Completed(result=result):
            lines += _answered(result)
        case Failed(error=error):
            lines.append(Text(f"  {error.title} ({error.code}): {error.detail}", style="red"))
        case Cancelled(reason=reason):
            lines.append(Text(f"  {reason}", style="magenta"))
        case _:
            pass
    lines += [
        Text(f"  artifact {each.name}, {size(each.size)}: ", style="dim").append(str(where(each.name)))
        for each in job.artifacts
    ]
    return Group(*lines)


def _answered(result: Result) -> list[Text]:  # noqa: PLR0911  one for each kind
    match result:
        case InferenceResult():
            shown = result.predictions[:_MOST_PREDICTIONS]
            lines = [Text("  ").append(prediction(each)) for each in shown]
            left = len(result.predictions) - len(shown)
            return lines + [Text(f"  … and {left} more; --json shows all", style="dim")] * (left > 0)
        case DownloadResult() | ConvertResult() | ModelUploadResult() | ModelDeleteResult():
            return [Text(f"  {line}") for line in model_lines(result)]
        case MediaResult():
            return [Text(f"  {medium_line(each)}") for each in result.media]
        case MediaUploadResult():
            known = ", known already" if result.known else ""
            return [Text(f"  {medium_line(result.medium)}{known}")]
        case PipelineResult():
            return pipeline_lines(result)
        case PerformanceResult() | DensityResult() | OptimizeResult() | ValidateResult() | SuiteResult():
            return measured_lines(result)
        case SweepResult():
            left = f"{result.orphans} files of nothing, {result.uploads} uploads, {result.media} media"
            return [Text(f"  removed {result.jobs} jobs, {result.artifacts} artifacts, {left}")]


def model_lines(result: DownloadResult | ConvertResult | ModelUploadResult | ModelDeleteResult) -> list[str]:
    """What became of models."""
    match result:
        case DownloadResult(models=models):
            return [f"{model.name} {model.version}: {', '.join(model.variants) or 'as it is'}" for model in models]
        case ConvertResult():
            return [f"{name}: {variant_line(each)}" for name, each in result.variants.items()]
        case ModelUploadResult(model=model):
            return [f"{model.name} {model.version}: {', '.join(model.variants)}"]
        case ModelDeleteResult():
            return [f"removed {', '.join(result.models) or 'nothing'}, {size(result.freed_bytes)} freed"]


def variant_line(details: VariantDetails) -> str:
    """How far a variant is from its model, and what that was looked at with."""
    drift = details.drift
    if drift is None:
        return "its answers can't be compared"
    agreed = "" if drift.top1_agreement is None else f", {drift.top1_agreement:.0%} of answers the same"
    agreed += "" if drift.boxes_agreement is None else f", {drift.boxes_agreement:.0%} of boxes the same"
    return f"off by {drift.max_abs:.2g} at most, {drift.mean_abs:.2g} on average{agreed} ({drift.inputs})"


def pipeline_lines(result: PipelineResult) -> list[Text]:
    """How fast each stream was, and what was told of its frames."""
    lines = [
        Text(f"  stream {each.stream}: {each.frames} frames, {each.fps:.1f} FPS").append(
            f"   latency {each.latency.avg_ms:.1f} ms" if each.latency else "", style="dim"
        )
        for each in result.streams
    ]
    records = f", {result.records} records" if result.records else ""
    lines.append(Text(f"  {result.total_fps:.1f} FPS in all over {result.run_s:.1f} s{records}"))
    return lines + [Text(f"  {warning}", style="yellow") for warning in result.warnings]


def milliseconds(value: float | None) -> str:
    """``12.3 ms``, ``4.5 s``, or a dash."""
    if value is None:
        return "-"
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.1f} s"  # noqa: PLR2004  the next unit


def size(count: int | None) -> str:
    """Bytes in the unit that fits, or a dash."""
    if count is None:
        return "-"
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:  # noqa: PLR2004  the next unit
        amount /= 1000
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def age(since: datetime) -> str:
    """How long ago, in its largest unit."""
    seconds = max((datetime.now(UTC) - since).total_seconds(), 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def show(console: Console, table: Table, nothing: str) -> None:
    """The table, or a sentence when it has no rows."""
    console.print(table if table.row_count else Text(nothing, style="dim"))


def _headline(job: Job) -> Text:
    total = (job.finished_at - job.created_at).total_seconds() * 1000 if job.finished_at else None
    return (
        state(job.state)
        .append(f" {job.id}", style="default")
        .append(
            f"  waited {milliseconds(job.queue_wait_ms)}, ran {milliseconds(job.run_ms)}, "
            f"total {milliseconds(total)}",
            style="dim",
        )
    )
