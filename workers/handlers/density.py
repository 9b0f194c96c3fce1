"""Searches for the largest number of streams that keep a floor."""

from collections.abc import Sequence

from shared.benchmarks import DensityResult, MeasuredRun, StreamsOfPipeline
from shared.errors import JobCancelled
from shared.measure.density import DensitySearch
from shared.packing import DensityTask
from shared.results import InstalledModel
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.bench import Bench, Length, Score, Voice
from workers.measuring.runs import told_estimate
from workers.measuring.searching import Known, Searching, step_of, streamed


def build(environment: WorkerEnvironment) -> "DensityHandler":
    """The handler of ``density`` jobs."""
    return DensityHandler(environment)


class DensityHandler:
    """Handler of ``density`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._environment = environment

    def run(self, context: JobContext) -> DensityResult:
        """See the port. Raises PipelineFailed, DeviceLeased, and what can't be had for the pipelines."""
        task = context.task
        if not isinstance(task, DensityTask):
            msg = f"not a search for density: {task.kind}"
            raise TypeError(msg)
        bench = Bench(self._environment, context)
        context.progress(0.0, "prepare")
        bench.prepare(task.specs)
        with self._environment.exclusive.hold(context, context.device):
            result = searched(bench, task, Voice.of(context))
        context.progress(0.99, "report")
        report = bench.keep(result, task.specs, score_of(result))
        return result.model_copy(update={"report": report})

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Each run loads what it needs in its own process."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None of its own."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def searched(bench: Bench, task: DensityTask, voice: Voice) -> DensityResult:
    """The whole search, on a device that is taken already; of a cancelled one what it knew is kept.

    A number of streams that can't be run is a step. Raises PipelineFailed where one of each pipeline can't.
    """

    def measure(shares: Sequence[int]) -> list[MeasuredRun]:
        return bench.undisturbed(streamed(task.specs, shares), Length.of(task))[0]

    searching = Searching(
        task=task,
        measure=measure,
        keep=lambda known: voice.keep(known.model_dump_json()),
        tell=lambda search, streams: _tell(voice, task, search, streams),
        known=Known.model_validate_json(voice.known) if voice.known else Known(),
    )
    try:
        searching.run()
    except JobCancelled:
        if searching.known.runs:
            searching.stopped = "cancelled"
            result = _result(task, bench, searching)
            bench.remember(result, task.specs, score_of(result))
        raise
    return _result(task, bench, searching)


def score_of(result: DensityResult) -> Score:
    """What lists know it by."""
    return float(result.n_streams), "streams"


def _tell(voice: Voice, task: DensityTask, search: DensitySearch, streams: int) -> None:
    """How far it is, and the latest step with its figure: who follows sees the curve grow."""
    steps = search.steps()
    said = f"measuring {streams} stream{'s' if streams > 1 else ''}"
    if steps:
        last = steps[-1]
        figure = f"{last.slowest.median:.1f} fps {last.judgement.value} {task.fps_floor:g}"
        said += f"; {last.streams}: {'failed' if last.failed else figure}"
    low, high = search.bracket()
    open_numbers = (high - low) / (task.max_streams + 1)
    voice.say(min(1 - open_numbers, 0.95) if steps else 0.0, "measure", said)


def _result(task: DensityTask, bench: Bench, searching: Searching) -> DensityResult:
    search = searching.so_far()
    found = search.found()
    steps = search.steps()
    answer = next((step for step in steps if step.streams == found.streams), None)
    shares = searching.shares(found.streams) if found.streams else [0] * len(task.specs)
    runs = searching.known.runs
    return DensityResult(
        benchmark_id=bench.topic.id,
        fps_floor=task.fps_floor,
        n_streams=found.streams,
        at_most=found.at_most,
        ended=searching.stopped or ("max_streams" if found.bounded else "found"),
        streams_per_pipeline=[
            StreamsOfPipeline(pipeline_id=one.pipeline_id, streams=count)
            for one, count in zip(task.specs, shares, strict=True)
        ],
        slowest_fps=told_estimate(answer.slowest) if answer else None,
        steps=[
            step_of(step, searching.shares(step.streams), searching.known.failure(step.streams)) for step in steps
        ],
        runs=searching.known.measured,
        trusted=all(each.run.disturbed is None for each in runs if each.counts and each.run),
        environment=bench.environment(task.specs),
        report=[],
    )
