"""Suites: tests one after the other on a device that is theirs alone, and the score of all of them."""

import math
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from shared.benchmarks import DensityResult, Failure, PerformanceResult, SuiteResult, SuiteTestResult
from shared.errors import FramelaneError, JobCancelled
from shared.measure.score import Part, score
from shared.needs import pipelines_of
from shared.packing import DensityTask, PerformanceTask, SuiteTask, SuiteTaskTest
from shared.results import InstalledModel
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers import density as densities
from workers.handlers import performance as performances
from workers.handlers.bench import Bench, Topic, Voice, say


class Known(BaseModel):
    """A suite so far: tests that ended, and what the one that is measured keeps."""

    done: list[SuiteTestResult] = []
    current: str = ""


def build(environment: WorkerEnvironment) -> "SuiteHandler":
    """The handler of ``suite`` jobs."""
    return SuiteHandler(environment)


class SuiteHandler:
    """Handler of ``suite`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._environment = environment

    def run(self, context: JobContext) -> SuiteResult:
        """See the port. A test that fails is a result. Raises DeviceLeased, and what the stores do."""
        task = context.task
        if not isinstance(task, SuiteTask):
            msg = f"not a suite: {task.kind}"
            raise TypeError(msg)
        bench = Bench(self._environment, context)
        kept = context.checkpoint()
        known = Known.model_validate_json(kept) if kept else Known()
        failed = self._prepare(context, task, len(known.done))
        try:
            with self._environment.exclusive.hold(context, context.device):
                for number in range(len(known.done), len(task.tests)):
                    known.done.append(failed.get(number) or self._measured(context, task, known, number))
                    known.current = ""
                    context.checkpoint(known.model_dump_json())
        except JobCancelled as error:
            left = [_failed(test, error) for test in task.tests[len(known.done) :]]
            self._remember(bench, task, [*known.done, *left])
            raise
        say(context, 0.99, "report", _said(known.done[-1]))
        result = _result(bench, task, known.done)
        report = bench.keep(result, pipelines_of(task), (result.score, "points"))
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

    def _prepare(self, context: JobContext, task: SuiteTask, done: int) -> Mapping[int, SuiteTestResult]:
        """Fetch what all tests need, so that the device isn't held meanwhile; tests that can't be had."""
        failed: dict[int, SuiteTestResult] = {}
        for number, test in enumerate(task.tests[done:], done):
            context.progress(number / len(task.tests), "prepare", test.name)
            try:
                Bench(self._environment, context).prepare(test.task.specs)
            except FramelaneError as error:
                failed[number] = _verdict(context, test, error)
        return failed

    def _measured(self, context: JobContext, task: SuiteTask, known: Known, number: int) -> SuiteTestResult:
        """One test; its own result is kept before the next one begins."""
        test, parent = task.tests[number], context.job.id
        bench = Bench(self._environment, context, Topic(f"{parent}.{number + 1}", test.task, parent))
        try:
            result = _run(bench, test.task, _voice(context, task, known, number))
        except FramelaneError as error:
            return _verdict(context, test, error)
        bench.remember(result, test.task.specs, _score(result))
        return _told(test, result)

    def _remember(self, bench: Bench, task: SuiteTask, tests: Sequence[SuiteTestResult]) -> None:
        if any(test.error is None for test in tests):
            bench.remember(_result(bench, task, tests), pipelines_of(task), (None, "points"))


def _run(bench: Bench, task: PerformanceTask | DensityTask, voice: Voice) -> PerformanceResult | DensityResult:
    if isinstance(task, PerformanceTask):
        return performances.measured(bench, task, voice)
    return densities.searched(bench, task, voice)


def _score(result: PerformanceResult | DensityResult) -> tuple[float | None, str]:
    if isinstance(result, PerformanceResult):
        return performances.score_of(result)
    return densities.score_of(result)


def _voice(context: JobContext, task: SuiteTask, known: Known, number: int) -> Voice:
    name, count = task.tests[number].name, len(task.tests)
    before = f"{_said(known.done[-1])}; " if known.done else ""

    def tell(done: float, stage: str, words: str) -> None:
        say(context, (number + done) / count, stage, f"{before}{name}: {words}")

    def keep(text: str) -> None:
        known.current = text
        context.checkpoint(known.model_dump_json())

    return Voice(tell, keep, known.current)


def _said(test: SuiteTestResult) -> str:
    """A test that ended, in a few words."""
    if test.figure is None:
        return f"{test.name} failed"
    return f"{test.name}: {test.figure:.4g} {'fps' if test.kind == 'performance' else 'streams'}"


def _verdict(context: JobContext, test: SuiteTaskTest, error: FramelaneError) -> SuiteTestResult:
    """Of a test that can't be measured. What ends the whole attempt is raised again."""
    if context.should_stop() or error.retryable:
        raise error
    return _failed(test, error)


def _failed(test: SuiteTaskTest, error: FramelaneError) -> SuiteTestResult:
    return SuiteTestResult(
        name=test.name,
        kind=test.task.kind,
        weight=test.weight,
        reference=test.reference,
        error=Failure(code=error.code, detail=error.detail),
    )


def _told(test: SuiteTaskTest, result: PerformanceResult | DensityResult) -> SuiteTestResult:
    if isinstance(result, PerformanceResult):
        fps = result.total_fps
        figures = {"figure": fps.median, "low": fps.low, "high": fps.high, "spread": fps.spread, "runs": fps.runs}
    else:
        most = result.at_most if result.ended == "found" else None
        figures = {"figure": float(result.n_streams), "low": float(result.n_streams), "high": most}
    return SuiteTestResult.model_validate(
        {
            "name": test.name,
            "kind": result.kind,
            "weight": test.weight,
            "reference": test.reference,
            "benchmark_id": result.benchmark_id,
            "ratio": (figures["figure"] or 0.0) / test.reference,
            "trusted": result.trusted,
            **figures,
        }
    )


def _part(test: SuiteTestResult) -> Part:
    """As the score takes it."""
    ratio = test.ratio or 0.0
    if test.kind == "performance":
        return Part(test.weight, ratio, ratio, ratio, test.spread, test.runs)
    return Part(test.weight, ratio, ratio, math.inf if test.high is None else test.high / test.reference)


def _result(bench: Bench, task: SuiteTask, tests: Sequence[SuiteTestResult]) -> SuiteResult:
    missing = [test.name for test in tests if test.error is not None]
    found = None if missing else score([_part(test) for test in tests])
    return SuiteResult(
        benchmark_id=bench.topic.id,
        suite=task.suite,
        score=_rounded(found and found.points),
        low=_rounded(found and found.low),
        high=_rounded(found and found.high),
        tests=list(tests),
        missing=missing,
        trusted=all(test.trusted for test in tests),
        environment=bench.environment(pipelines_of(task)),
        report=[],
    )


def _rounded(points: float | None) -> float | None:
    return None if points is None or math.isinf(points) else round(points, 2)
