"""Performance tests: pipelines side by side on a device that is theirs alone, measured several times."""

from collections.abc import Sequence

from shared.benchmarks import MeasuredRun, PerformanceResult
from shared.figures import Latency
from shared.packing import PerformanceTask
from shared.results import InstalledModel
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.bench import Bench, Length, Score, Voice, named
from workers.measuring.counts import StreamKey
from workers.measuring.runs import counting, enough, pipelines, slowest, slowest_stream, total, trusted


def build(environment: WorkerEnvironment) -> "PerformanceHandler":
    """The handler of ``performance`` jobs."""
    return PerformanceHandler(environment)


class PerformanceHandler:
    """Handler of ``performance`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._environment = environment

    def run(self, context: JobContext) -> PerformanceResult:
        """See the port. Raises PipelineFailed, DeviceLeased, and what can't be had for the pipelines."""
        task = context.task
        if not isinstance(task, PerformanceTask):
            msg = f"not a performance test: {task.kind}"
            raise TypeError(msg)
        bench = Bench(self._environment, context)
        context.progress(0.0, "prepare")
        bench.prepare(task.specs)
        with self._environment.exclusive.hold(context, context.device):
            result = measured(bench, task, Voice.of(context))
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


def measured(bench: Bench, task: PerformanceTask, voice: Voice) -> PerformanceResult:
    """All runs, on a device that is taken already. Raises PipelineFailed."""
    runs: list[MeasuredRun] = []
    latency: dict[StreamKey, Latency] = {}
    wanted = 0
    for number in range(task.repeats):
        voice.say(number / task.repeats, "measure", f"run {number + 1} of {task.repeats}")
        made, trial = bench.undisturbed(task.specs, Length.of(task))
        runs += made
        latency |= trial.latency
        wanted = number + 1
        if enough(runs, task.precision):
            break
    used = counting(runs)
    found = pipelines(used, named(task.specs), latency)
    return PerformanceResult(
        benchmark_id=bench.topic.id,
        pipelines=found,
        total_fps=total(used),
        slowest_fps=slowest(used),
        slowest=slowest_stream(found),
        runs=runs,
        trusted=trusted(runs, wanted),
        environment=bench.environment(task.specs),
        report=[],
    )


def score_of(result: PerformanceResult) -> Score:
    """What lists know it by."""
    return result.total_fps.median, "fps"
