"""Runs of a measurement: repeated where the machine was disturbed, told as figures."""

from collections.abc import Callable, Mapping, Sequence

from shared.benchmarks import Figure, MachineFigure, MeasuredPipeline, MeasuredRun, MeasuredStream
from shared.measure.estimates import Estimate, Noise, estimate, precise
from shared.results import Latency
from workers.measuring.counts import StreamKey
from workers.measuring.trial import Trial
from workers.measuring.watching import disturbance

Measure = Callable[[], Trial]


def undisturbed(measure: Measure, foreign_percent: float, tries: int) -> tuple[list[MeasuredRun], Trial]:
    """Runs up to the first that nobody disturbed, ``tries`` at most; and the last of them as it was measured."""
    runs: list[MeasuredRun] = []
    while True:
        trial = measure()
        runs.append(told(trial, disturbance(trial.machine, foreign_percent)))
        if runs[-1].disturbed is None or len(runs) >= tries:
            return runs, trial


def told(trial: Trial, disturbed: str | None) -> MeasuredRun:
    """A run as the result tells it."""
    return MeasuredRun(
        fps=by_pipeline(trial.rates),
        dropped=[[round(each) for each in streams] for streams in by_pipeline(trial.dropped)],
        window_s=round(trial.window.ended - trial.window.began, 3),
        disturbed=disturbed,
        machine={
            name: MachineFigure(mean=round(one.mean, 2), most=round(one.most, 2))
            for name, one in trial.machine.items()
        },
        moments=[
            {
                "at": round(moment.at - trial.window.began, 3),
                **{name: round(value, 2) for name, value in moment.figures.items()},
            }
            for moment in trial.moments
        ],
    )


def by_pipeline(rates: Mapping[StreamKey, float]) -> list[list[float]]:
    """Rates in the order of pipelines, then of streams."""
    pipelines: dict[int, list[float]] = {}
    for (pipeline, _), rate in sorted(rates.items()):
        pipelines.setdefault(pipeline, []).append(round(rate, 3))
    return list(pipelines.values())


def counting(runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """Those that figures are made of: the undisturbed; all where there is none."""
    return [run for run in runs if run.disturbed is None] or list(runs)


def enough(runs: Sequence[MeasuredRun], precision: float | None) -> bool:
    """Whether the rate of all streams is known as precisely as was asked for; never where nothing was."""
    calm = [run for run in runs if run.disturbed is None]
    return precision is not None and precise(_totals(calm), precision)


def trusted(runs: Sequence[MeasuredRun], repeats: int) -> bool:
    """Whether as many runs as asked for were undisturbed."""
    return sum(run.disturbed is None for run in runs) >= repeats


def figure(values: Sequence[float], noise: Noise | None = None) -> Figure:
    """Of the same quantity in several runs. Raises TooFewRuns for none."""
    return told_estimate(estimate(values, noise))


def told_estimate(found: Estimate) -> Figure:
    """The wire's form: an endless interval is none."""
    endless = found.low == float("-inf")
    return Figure(
        median=round(found.median, 3),
        low=None if endless else round(found.low, 3),
        high=None if endless else round(found.high, 3),
        spread=round(found.spread, 4),
        runs=found.runs,
    )


def slowest(runs: Sequence[MeasuredRun]) -> Figure:
    """Rate of each run's slowest stream."""
    return figure([min(rate for rates in run.fps for rate in rates) for run in runs])


def total(runs: Sequence[MeasuredRun]) -> Figure:
    """Rate of all streams together."""
    return figure(_totals(runs))


def _totals(runs: Sequence[MeasuredRun]) -> list[float]:
    return [sum(rate for rates in run.fps for rate in rates) for run in runs]


def pipelines(
    runs: Sequence[MeasuredRun], names: Sequence[tuple[str, str]], latency: Mapping[StreamKey, Latency]
) -> list[MeasuredPipeline]:
    """Figures by pipeline; ``names``: id and graph hash of each; ``latency``: the latest that was told."""
    return [
        MeasuredPipeline(
            pipeline_id=name,
            graph_sha256=graph_sha256,
            total_fps=figure([sum(run.fps[place]) for run in runs]),
            slowest_fps=figure([min(run.fps[place]) for run in runs]),
            streams=[
                MeasuredStream(
                    stream=number,
                    fps=figure([run.fps[place][number] for run in runs]),
                    latency=latency.get((place, number)),
                    dropped=sum(run.dropped[place][number] for run in runs if run.dropped),
                )
                for number in range(len(runs[0].fps[place]))
            ],
        )
        for place, (name, graph_sha256) in enumerate(names)
    ]


def slowest_stream(measured: Sequence[MeasuredPipeline]) -> str:
    """``<pipeline_id>#<stream>`` of the lowest median."""
    return min(
        (one.fps.median, f"{pipeline.pipeline_id}#{one.stream}")
        for pipeline in measured
        for one in pipeline.streams
    )[1]
