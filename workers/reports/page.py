"""A result as a self-contained page, as a table and as it is."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shared.benchmarks import (
    Benchmark,
    DensityResult,
    Figure,
    MeasuredRun,
    OptimizeResult,
    PerformanceResult,
    SuiteResult,
    ValidateResult,
)
from workers.reports import plots

PAGE, TABLE, DOCUMENT = "report.html", "figures.csv", "result.json"
MEDIA_TYPES = {PAGE: "text/html", TABLE: "text/csv", DOCUMENT: "application/json"}


def render(benchmark: Benchmark) -> dict[str, bytes]:
    """The three files by name."""
    document = benchmark.model_dump(mode="json")
    return {
        PAGE: _page(benchmark).encode(),
        TABLE: _table(rows(benchmark)).encode(),
        DOCUMENT: json.dumps(document, indent=1).encode(),
    }


def _page(benchmark: Benchmark) -> str:
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = [(title, Markup(svg)) for title, svg in _plots(benchmark) if svg]  # noqa: S704 - our own drawing
    return pages.get_template("page.html.j2").render(
        benchmark=benchmark, result=benchmark.result, plots=drawn, figure=figure
    )


def _plots(benchmark: Benchmark) -> list[tuple[str, str | None]]:
    match benchmark.result:
        case DensityResult() as result:
            return [
                ("Frames a second against streams", plots.density(result)),
                ("Load of the machine", plots.utilisation(result.runs)),
            ]
        case PerformanceResult() as result:
            return [
                ("Frames a second by stream", plots.streams(result)),
                ("Latency", plots.latency(result)),
                ("Load of the machine", plots.utilisation(result.runs)),
            ]
        case OptimizeResult() as result:
            return [("What was tried", plots.candidates(result))]
        case SuiteResult() as result:
            return [("Points by test", plots.suite(result))]
        case ValidateResult():
            return []


def figure(value: Figure | None) -> str:
    """As people read it: ``29.8 [29.1, 30.4]``."""
    if value is None:
        return "-"
    if value.low is None or value.high is None:
        return f"{value.median:.2f} (one run)"
    return f"{value.median:.2f} [{value.low:.2f}, {value.high:.2f}]"


def rows(benchmark: Benchmark) -> list[dict[str, object]]:
    """One row for each figure, the same columns throughout a kind."""
    match benchmark.result:
        case DensityResult() as result:
            return [
                {
                    "streams": step.streams,
                    **_columns(step.slowest_fps),
                    "judgement": step.judgement,
                    "failed": step.failed or "",
                }
                for step in sorted(result.steps, key=lambda each: each.streams)
            ]
        case PerformanceResult() as result:
            return [
                {
                    "pipeline": pipeline.pipeline_id,
                    "stream": one.stream,
                    **_columns(one.fps),
                    "dropped": one.dropped,
                    **(one.latency.model_dump() if one.latency else {}),
                    **_runs(result.runs, i, j),
                }
                for i, pipeline in enumerate(result.pipelines)
                for j, one in enumerate(pipeline.streams)
            ]
        case OptimizeResult() as result:
            return [
                {
                    "changes": "; ".join(f"{name}={value}" for name, value in each.changes.items()) or "original",
                    **each.model_dump(exclude={"changes"}),
                }
                for each in result.candidates
            ]
        case SuiteResult() as result:
            return [
                {**test.model_dump(exclude={"error"}), "error": test.error.detail if test.error else ""}
                for test in result.tests
            ]
        case ValidateResult() as result:
            return [stage.model_dump() for stage in result.stages]


def _columns(value: Figure) -> dict[str, object]:
    return {f"fps_{name}": each for name, each in value.model_dump().items()}


def _runs(runs: Sequence[MeasuredRun], pipeline: int, stream: int) -> dict[str, object]:
    return {f"run_{number}": run.fps[pipeline][stream] for number, run in enumerate(runs, 1)}


def _table(lines: Sequence[dict[str, object]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(
        file, list(dict.fromkeys(name for line in lines for name in line)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()
