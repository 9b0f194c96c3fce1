# pyright: basic
"""Plots of results as SVG that stands in a page as it is: no script, no font, no address."""

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from shared.benchmarks import (
    DensityResult,
    Figure,
    MeasuredRun,
    OptimizeResult,
    PerformanceResult,
    SuiteResult,
    SuiteTestResult,
)

INK, QUIET = "#1c2733", "#8a97a6"
GOOD, BAD, OPEN, ACCENT = "#1a7f5a", "#c2413b", "#b7791f", "#2563a8"
_JUDGED = {"keeps": GOOD, "misses": BAD, "open": OPEN}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "framelane",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e8ee",
}
_UTILISATION = {
    "cpu_percent": ("CPU", ACCENT),
    "cpu_foreign_percent": ("CPU, others'", BAD),
    "gpu_percent": ("GPU", GOOD),
    "npu_percent": ("NPU", OPEN),
}


def density(result: DensityResult) -> str:
    """Rate of the slowest stream against the number of streams, with the floor."""
    canvas, axes = _canvas("streams", "slowest stream, frames/s")
    steps = sorted(result.steps, key=lambda step: step.streams)
    told = [step for step in steps if step.slowest_fps.runs]
    axes.plot([s.streams for s in told], [s.slowest_fps.median for s in told], color=QUIET, linewidth=1)
    for step in told:
        _point(axes, step.streams, step.slowest_fps, _JUDGED[step.judgement])
    for step in steps:
        if step.failed:
            axes.plot(step.streams, 0, "x", color=BAD, clip_on=False)
    axes.axhline(result.fps_floor, color=BAD, linestyle="--", linewidth=1.2)
    axes.annotate(
        f"floor {result.fps_floor:g}",
        (1, result.fps_floor),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        color=BAD,
    )
    if result.n_streams:
        axes.axvline(result.n_streams, color=GOOD, linewidth=6, alpha=0.18)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _svg(canvas, f"Slowest stream by number of streams; {result.n_streams} keep {result.fps_floor:g} fps")


def streams(result: PerformanceResult) -> str:
    """A bar for each stream, with its interval."""
    named = [
        (f"{_short(pipeline.pipeline_id)} #{one.stream}", one.fps, f"{pipeline.pipeline_id}#{one.stream}")
        for pipeline in result.pipelines
        for one in pipeline.streams
    ]
    canvas, axes = _canvas("frames/s", "", height=0.8 + 0.34 * len(named))
    for place, (_, fps, key) in enumerate(named):
        axes.barh(
            place, fps.median, color=BAD if key == result.slowest and len(named) > 1 else ACCENT, height=0.62
        )
        if fps.low is not None and fps.high is not None:
            axes.plot([max(fps.low, 0), fps.high], [place, place], color=INK, linewidth=1.4)
        _label(axes, f"{fps.median:.1f}", max(fps.median, fps.high or 0), place)
    axes.set_yticks(range(len(named)), [name for name, _, _ in named])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    return _svg(canvas, "Frames a second by stream")


def latency(result: PerformanceResult) -> str | None:
    """From least to most of each stream, with the mean and from p50 to p99; None where it wasn't asked for."""
    told = [
        (f"{_short(pipeline.pipeline_id)} #{one.stream}", one.latency)
        for pipeline in result.pipelines
        for one in pipeline.streams
        if one.latency
    ]
    if not told:
        return None
    canvas, axes = _canvas("source to sink, ms", "", height=0.8 + 0.34 * len(told))
    for place, (_, figures) in enumerate(told):
        axes.plot(
            [figures.min_ms, figures.max_ms], [place, place], color=QUIET, linewidth=5, solid_capstyle="butt"
        )
        axes.plot(figures.avg_ms, place, "o", color=ACCENT)
        if figures.p50_ms is not None and figures.p99_ms is not None:
            axes.plot([figures.p50_ms, figures.p99_ms], [place, place], color=ACCENT, linewidth=2)
            _label(axes, f"p50 {figures.p50_ms:.1f}, p99 {figures.p99_ms:.1f}", figures.max_ms, place)
    axes.set_yticks(range(len(told)), [name for name, _ in told])
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.set_xlim(left=0)
    return _svg(canvas, "Latency by stream")


def utilisation(runs: Sequence[MeasuredRun]) -> str | None:
    """Load over the measured parts of all runs, one after the other; None if the machine told nothing."""
    canvas, axes = _canvas("measured seconds, run after run", "percent", height=2.6)
    starts = [0.0]
    for run in runs:
        starts.append(starts[-1] + run.window_s)
    drawn = False
    for name, (label, colour) in _UTILISATION.items():
        for number, run in enumerate(runs):
            told = [(starts[number] + moment["at"], moment[name]) for moment in run.moments if name in moment]
            if told:
                first = not drawn or label not in axes.get_legend_handles_labels()[1]
                axes.plot(*zip(*told, strict=True), color=colour, linewidth=1.3, label=label if first else None)
                drawn = True
    if not drawn:
        return None
    for number, (began, ended) in enumerate(pairwise(starts)):
        if runs[number].disturbed:
            axes.axvspan(began, ended, color=BAD, alpha=0.1)
    axes.set_ylim(0, 105)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    return _svg(canvas, "Load of the machine during the runs")


def candidates(result: OptimizeResult) -> str:
    """Rate against processor load (or order, where the load isn't known); the Pareto set stands out."""
    canvas, axes = _canvas("processor load, percent", "frames/s")
    for place, each in enumerate(result.candidates):
        x = each.cpu_percent if each.cpu_percent is not None else float(place)
        colour = BAD if each.refused else GOOD if each.pareto else QUIET
        axes.plot(x, each.fps, "x" if each.refused else "o", color=colour)
        if not each.changes:
            _label(axes, "original", x, each.fps)
    axes.plot([], [], "o", color=GOOD, label="best for some wish")
    axes.plot([], [], "o", color=QUIET, label="others")
    axes.plot([], [], "x", color=BAD, label="finds other objects, or fails")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    axes.set_ylim(bottom=0)
    return _svg(canvas, "Forms that were measured")


def suite(result: SuiteResult) -> str:
    """A bar for each test: its points, with what they may be, and the line of the reference."""
    canvas, axes = _canvas("points; 100 is the reference", "", height=1.0 + 0.42 * len(result.tests))
    for place, test in enumerate(result.tests):
        if test.ratio is None:
            _label(axes, "failed", 0, place)
            continue
        points = 100 * test.ratio
        axes.barh(place, points, color=ACCENT, height=0.62)
        low, high = (None if each is None else 100 * each / test.reference for each in (test.low, test.high))
        if low is not None and high is not None:
            axes.plot([max(low, 0), high], [place, place], color=INK, linewidth=1.4)
        _label(axes, f"{points:.0f}  ({_told(test)})", max(points, high or 0), place)
    axes.axvline(100, color=QUIET, linestyle="--", linewidth=1.2)
    if result.score is not None:
        axes.axvline(result.score, color=GOOD, linewidth=1.6)
        axes.annotate(
            f"score {result.score:.0f}",
            (result.score, 1),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            color=GOOD,
        )
    axes.set_yticks(range(len(result.tests)), [f"{test.name} x{test.weight:g}" for test in result.tests])
    axes.set_ylim(len(result.tests) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.2)
    return _svg(canvas, "Points of each test, times its weight in the score")


def _told(test: SuiteTestResult) -> str:
    return f"{test.figure:.4g} {'fps' if test.kind == 'performance' else 'streams'}"


def _canvas(x: str, y: str, height: float = 3.6) -> tuple[Canvas, Axes]:
    with rc_context(_STYLE):
        canvas = Canvas(figsize=(8.2, height), layout="constrained")
        axes = canvas.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return canvas, axes


def _point(axes: Axes, x: float, figure: Figure, colour: str) -> None:
    if figure.low is not None and figure.high is not None:
        axes.plot([x, x], [max(figure.low, 0), figure.high], color=colour, linewidth=2)
    axes.plot(x, figure.median, "o", color=colour)


def _label(axes: Axes, text: str, x: float, y: float) -> None:
    axes.annotate(text, (x, y), xytext=(7, 0), textcoords="offset points", va="center", color=INK)


def _short(pipeline: str) -> str:
    """``/pipelines/a/variants/cpu`` as ``a/cpu``."""
    return "/".join(part for part in pipeline.split("/") if part not in {"", "pipelines", "variants"})


def _svg(canvas: Canvas, title: str) -> str:
    file = io.StringIO()
    with rc_context(_STYLE):
        canvas.savefig(file, format="svg", metadata={"Title": title, "Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
