"""Results of measurements as people read them."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from client.cli.tables import plain_table
from shared.benchmarks import (
    AnyMeasured,
    Benchmark,
    BenchmarkComparison,
    BenchmarkSummary,
    Changed,
    DensityResult,
    Difference,
    Environment,
    MeasuredRun,
    ModelAgreement,
    OptimizeResult,
    PerformanceResult,
    SuiteResult,
    ValidateResult,
)
from shared.figures import Figure
from shared.pipelines import VariantSource
from shared.suites import Suite, SuiteTest

_VERDICTS = {"faster": "green", "slower": "red", "same": "cyan", "cannot_tell": "yellow"}
_MOST_CANDIDATES = 12
_DOUBTFUL = "  too few runs were left alone: don't trust these figures"


_ENDED = {
    "budget": "its budget was spent",
    "max_streams": "more than max_streams weren't tried",
    "cancelled": "it was cancelled",
}


def benchmark_table(benchmarks: Iterable[BenchmarkSummary]) -> Table:
    """One line per benchmark."""
    table = plain_table("job", "kind", "score", "device", "hardware", "when", "name")
    table.columns[0].header = "benchmark"
    for each in benchmarks:
        when = f"{each.created_at:%Y-%m-%d %H:%M}"
        table.add_row(each.id, each.kind, _score(each), each.device, each.hardware, when, each.name)
    return table


def benchmark_view(benchmark: Benchmark) -> RenderableType:
    """One with its figures, and what it was measured on."""
    where = f"{benchmark.device} ({benchmark.hardware}) of {benchmark.host}"
    lines = [
        Text(f"{benchmark.name}  ", style="bold").append(
            f"{benchmark.kind}, {_score(benchmark)}", style="default"
        ),
        Text(f"  {benchmark.created_at:%Y-%m-%d %H:%M:%S} UTC on {where}", style="dim"),
        *measured_lines(benchmark.result),
    ]
    if not isinstance(benchmark.result, ValidateResult):
        lines += _environment(benchmark.result.environment)
    return Group(*lines)


def comparison_view(found: BenchmarkComparison) -> RenderableType:
    """The verdict, and what else differs."""
    names = f"{found.b.name or found.b.id} against {found.a.name or found.a.id}"
    scores = f"  {found.compared}: {_score(found.a)} and {_score(found.b)}"
    lines = [_verdict(found).append(f"  {names}", style="default"), Text(scores)]
    lines += [Text(f"  {each.pipeline_id}: ").append(_verdict(each)) for each in found.pipelines]
    lines += [Text(f"  {each.name}: ").append(_verdict(each)) for each in found.tests]
    lines += [Text(f"  {doubt}", style="yellow") for doubt in found.doubts]
    lines += [_change(each) for each in (*found.environment, *found.asked)]
    return Group(*lines)


def measured_lines(result: AnyMeasured) -> list[Text]:
    """What was found, in a few lines."""
    match result:
        case PerformanceResult():
            return list(_performance(result))
        case DensityResult():
            return list(_density(result))
        case OptimizeResult():
            return list(_optimize(result))
        case ValidateResult():
            return list(_validate(result))
        case SuiteResult():
            return list(_suite(result))


def suite_lines(suite: Suite) -> list[Text]:
    """One that ships, and what it is made of."""
    head = Text(suite.name, style="bold").append(f"  {suite.description}", style="default")
    return [head, *(Text(f"  {test.name} x{test.weight:g}: {test.kind}, {_of(test)}") for test in suite.tests)]


def _of(test: SuiteTest) -> str:
    sources = (each.pipeline for each in test.specs)
    names = (f"{one.pipeline_id}/{one.variant_id}" if isinstance(one, VariantSource) else "-" for one in sources)
    return f"{', '.join(names)}; 100 points are {test.reference:g}"


def _performance(result: PerformanceResult) -> Iterator[Text]:
    for pipeline in result.pipelines:
        rates = f"{_figure(pipeline.total_fps)} in all, slowest stream {_figure(pipeline.slowest_fps)}"
        yield Text(f"  {pipeline.pipeline_id} x{len(pipeline.streams)}: {rates}")
        if slow := [each.latency for each in pipeline.streams if each.latency and each.latency.p99_ms is not None]:
            worst = max(slow, key=lambda each: each.p99_ms or 0)
            yield Text(
                f"    latency p50 {worst.p50_ms:.1f} ms, p99 {worst.p99_ms:.1f} ms in the slowest", style="dim"
            )
        if dropped := sum(each.dropped for each in pipeline.streams):
            yield Text(f"    {dropped} frames came too late and were left out", style="yellow")
    yield Text(f"  {_figure(result.total_fps)} in all; slowest is {result.slowest}", style="bold")
    yield from _runs(result.runs, trusted=result.trusted)


def _density(result: DensityResult) -> Iterator[Text]:
    for step in sorted(result.steps, key=lambda step: step.streams):
        style = "green" if step.judgement == "keeps" else "red" if step.judgement == "misses" else "yellow"
        if step.failed is not None:
            yield Text(f"  {step.streams:>4}: couldn't be run: {step.failed.splitlines()[0]}", style="red")
            continue
        runs = f" in {step.slowest_fps.runs} runs" if step.slowest_fps.runs > 1 else ""
        yield Text(f"  {step.streams:>4}: slowest {_figure(step.slowest_fps)}{runs} ").append(
            step.judgement, style=style
        )
    if not result.n_streams:
        yield Text(f"  not even one stream keeps {result.fps_floor:g} FPS", style="bold yellow")
    else:
        shares = ", ".join(f"{each.pipeline_id} x{each.streams}" for each in result.streams_per_pipeline)
        streams = "1 stream keeps" if result.n_streams == 1 else f"{result.n_streams} streams keep"
        yield Text(f"  {streams} {result.fps_floor:g} FPS: {shares}", style="bold")
    if result.at_most > result.n_streams:
        yield Text(f"  up to {result.at_most} may; between the two it can't be told", style="yellow")
    if result.ended != "found":
        yield Text(f"  the search ended because {_ENDED[result.ended]}", style="yellow")
    yield from _runs(result.runs, trusted=result.trusted)


def _optimize(result: OptimizeResult) -> Iterator[Text]:
    for each in result.candidates[:_MOST_CANDIDATES]:
        changes = " ".join(f"{name}={value}" for name, value in each.changes.items()) or "as it is"
        more = f"; {each.latency_ms:.1f} ms" if each.latency_ms is not None else ""
        star = "*" if each.pareto else " "
        line = Text(f"  {star} {each.fps:.1f} FPS{more}: {changes}")
        yield line.append(f"  {each.refused}", style="yellow") if each.refused else line
    if (left := len(result.candidates) - _MOST_CANDIDATES) > 0:
        yield Text(f"  … and {left} more forms; --json shows all", style="dim")
    gain = f"{result.gain:+.1%} ({result.gain_low:+.1%} to {result.gain_high:+.1%})"
    yield Text(f"  {_figure(result.original_fps)} became {_figure(result.fps)}: {gain}", style="bold")
    yield Text(f"  {result.pipeline_description}")
    if result.saved_as:
        yield Text(f"  saved as {result.saved_as}", style="green")
    yield from (Text(f"  {note}", style="yellow") for note in result.notes)
    if not result.trusted:
        yield Text(_DOUBTFUL, style="bold yellow")


def _suite(result: SuiteResult) -> Iterator[Text]:
    for test in result.tests:
        line = Text(f"  {test.name} x{test.weight:g}: ")
        if test.error is not None:
            yield line.append(f"{test.error.code}: {test.error.detail.splitlines()[0]}", style="red")
        else:
            unit = "FPS" if test.kind == "performance" else "streams"
            points = f"{100 * (test.ratio or 0):.0f} points; {test.figure:.4g} {unit}, 100 are {test.reference:g}"
            yield line.append(points).append(f"  {test.benchmark_id}", style="dim")
    if result.score is None:
        yield Text(f"  no score: there is no result of {', '.join(result.missing)}", style="bold red")
    else:
        span = f" ({result.low:.1f} to {result.high:.1f})" if result.low is not None and result.high else ""
        yield Text(f"  {result.score:.1f} points{span}", style="bold")
    if not result.trusted:
        yield Text(_DOUBTFUL, style="bold yellow")


def _validate(result: ValidateResult) -> Iterator[Text]:
    for stage in result.stages:
        if stage.ok is None:
            yield Text(f"  - {stage.stage}", style="dim")
        else:
            mark, style = ("✓", "green") if stage.ok else ("✗", "red")
            yield Text(f"  {mark} {stage.stage}", style=style).append(f"  {stage.detail}", style="default")
    found = _found(result) if result.model is None else _agreement(result.model)
    yield Text(f"  {found}", style="dim")
    verdict = "valid" if result.valid else f"not valid: it fails at {result.failed_stage}"
    yield Text(f"  {verdict}", style="bold green" if result.valid else "bold red")


def _found(result: ValidateResult) -> str:
    labels = ", ".join(f"{label} {count}" for label, count in sorted(result.labels.items()))
    found = f"{result.frames} frames" + (f"; found {labels}" if labels else "")
    return found + (f"; agrees by {result.agreement:.2f}" if result.agreement is not None else "")


def _agreement(model: ModelAgreement) -> str:
    drift = model.drift
    if drift is None:
        return f"{model.model}: {model.variant} beside {model.original}"
    told = {"equal classes": drift.top1_agreement, "boxes both find": drift.boxes_agreement}
    told["similarity"] = drift.similarity
    shares = ", ".join(f"{name} {value:.2%}" for name, value in told.items() if value is not None)
    return f"{model.model} on {drift.inputs}: {shares}; numbers differ by {drift.max_abs:.2g} at most"


def _runs(runs: list[MeasuredRun], *, trusted: bool) -> Iterator[Text]:
    disturbed = [run.disturbed for run in runs if run.disturbed is not None]
    if disturbed:
        yield Text(
            f"  {len(disturbed)} of {len(runs)} runs were disturbed, such as: {disturbed[0]}", style="yellow"
        )
    if not trusted:
        yield Text(_DOUBTFUL, style="bold yellow")


def _environment(environment: Environment) -> Iterator[Text]:
    yield Text(f"  measured with {environment.fingerprint}:", style="dim")
    models = {f"model {name}": version for name, version in environment.models.items()}
    for name, value in {**environment.parts, **models}.items():
        yield Text(f"    {name}: {value}", style="dim")


def _verdict(found: Difference) -> Text:
    text = Text(found.verdict.replace("_", " "), style=f"bold {_VERDICTS[found.verdict]}")
    if found.difference is not None and found.low is not None and found.high is not None:
        text.append(f"  {found.difference:+.1%} ({found.low:+.1%} to {found.high:+.1%})", style="default")
    return text.append(f"  {found.reason}", style="dim") if found.reason else text


def _change(change: Changed) -> Text:
    return Text(f"  {change.name}: {change.a or 'none'} → {change.b or 'none'}", style="dim")


def _figure(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.median:.1f} FPS"
    return f"{figure.median:.1f} FPS ({figure.low:.1f} to {figure.high:.1f})"


def _score(of: BenchmarkSummary) -> str:
    if of.score is None:
        return "none"
    match of.unit:
        case "fps":
            return f"{of.score:.1f} FPS"
        case "streams":
            return f"{of.score:.0f} stream{'s'[: of.score != 1]}"
        case "gain":
            return f"{of.score:+.1%}"
        case "valid":
            return "valid" if of.score else "not valid"
        case "points":
            return f"{of.score:.1f} points"
