"""Performance tests: pipelines side by side on a device that is theirs alone, measured several times."""

from collections.abc import Sequence

from shared.benchmarks import MeasuredRun, PerformanceResult
from shared.figures import Latency
from shared.packing import PerformanceTask
from shared.results import InstalledModel
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.bench import Bench, Length, named
from workers.measuring.counts import StreamKey
from workers.measuring.runs import counting, pipelines, slowest, slowest_stream, total, trusted


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
        runs: list[MeasuredRun] = []
        latency: dict[StreamKey, Latency] = {}
        with self._environment.exclusive.hold(context, context.device):
            for number in range(task.repeats):
                context.progress(number / task.repeats, "measure", f"run {number + 1} of {task.repeats}")
                made, trial = bench.undisturbed(task.specs, Length.of(task))
                runs += made
                latency |= trial.latency
        context.progress(0.99, "report")
        used = counting(runs)
        measured = pipelines(used, named(task.specs), latency)
        result = PerformanceResult(
            benchmark_id=context.job.id,
            pipelines=measured,
            total_fps=total(used),
            slowest_fps=slowest(used),
            slowest=slowest_stream(measured),
            runs=runs,
            trusted=trusted(runs, task.repeats),
            environment=bench.environment(task.specs),
            report=[],
        )
        report = bench.keep(result, task.specs, (result.total_fps.median, "fps"))
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
