"""What handlers of measurements share: pipelines made ready and run, the machine described, results kept."""

import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from shared.benchmarks import AnyMeasured, Benchmark, Environment, MeasuredRun
from shared.devices import DeviceInfo
from shared.errors import PipelineFailed
from shared.measurements import MeasuredFields, ValidateFields
from shared.needs import pipeline_models
from shared.packing import AnyTask, DensityTask, PerformanceTask, PipelineTask, ValidateTask
from shared.results import StreamFigures
from shared.suites import SuiteFields
from workers.context import JobContext
from workers.gst.available import available, version
from workers.gst.limits import Limits
from workers.gst.supervise import run_pipeline
from workers.handlers import WorkerEnvironment
from workers.handlers.pipeline_plan import Plan, Planner
from workers.measuring.fingerprint import environment, fingerprint, graph_hash
from workers.measuring.gauges import Gauge, gauges
from workers.measuring.looking import Seen, Until, look
from workers.measuring.nvidia import NvidiaGauge
from workers.measuring.runs import undisturbed
from workers.measuring.trial import Asked, Trial, run_trial
from workers.reports.page import MEDIA_TYPES, render

Score = tuple[float | None, str]
"""A figure to know a result by, and its unit."""

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds of a run."""

    warm_up_s: float
    duration_s: float

    @classmethod
    def of(cls, task: PerformanceTask | DensityTask) -> "Length":
        """As the job asks."""
        return cls(task.warmup_s, task.duration_s)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a result is kept as: its id, what was asked for, and the id of the result that it is a part of."""

    id: str
    task: AnyTask
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """How a measurement says how far it is, and keeps that: a job, or a test of a suite.

    ``say`` takes the part that is done, the stage and words. ``known``: what an attempt before this one kept.
    """

    say: Callable[[float, str, str], None]
    keep: Callable[[str], object]
    known: str

    @classmethod
    def of(cls, context: JobContext) -> "Voice":
        """Of a job that measures one thing."""
        return cls(partial(say, context), context.checkpoint, context.checkpoint())


def say(context: JobContext, done: float, stage: str, words: str) -> None:
    """Tell it now: runs are few and long."""
    context.progress(done, stage, words)
    context.tell(now=True)


class Bench:
    """Of one measurement: its pipelines, the device it has to itself, and the machine around."""

    def __init__(self, worker: WorkerEnvironment, context: JobContext, topic: Topic | None = None) -> None:
        self._worker = worker
        self._context = context
        self.topic = topic or Topic(context.job.id, context.task)
        self._planner = Planner(worker, available)
        self._gauges = _accelerator(worker.device)
        self._number = 0

    def prepare(self, tasks: Sequence[PipelineTask]) -> None:
        """Fetch what the pipelines need, so that no run waits for it. Raises what planning does."""
        for task in tasks:
            folder = self._context.scratch / "prepare"
            folder.mkdir(parents=True)
            try:
                self._planner.plan(task, self._context.job.id, folder, self._context.tenant)
            finally:
                shutil.rmtree(folder)
            self._context.check()

    def measure(self, tasks: Sequence[PipelineTask], length: Length) -> Trial:
        """One run of all of them together. Raises what planning does, and ``run_trial``."""
        self._number += 1
        folder = self._context.scratch / f"run-{self._number}"
        try:
            # The plans hold models and media: nothing may remove them meanwhile.
            plans = [self._plan(task, folder / str(place)) for place, task in enumerate(tasks)]
            asked = Asked(
                [plan.requests for plan in plans],
                length.warm_up_s,
                length.duration_s,
                self._worker.settings.pipelines.inactivity_s,
            )
            play = partial(run_pipeline, cwd=folder, limits=self._limits())
            with hiding(plans):
                return run_trial(asked, play, self._context.check, gauges(self._gauges))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def undisturbed(self, tasks: Sequence[PipelineTask], length: Length) -> tuple[list[MeasuredRun], Trial]:
        """The same, again if others disturbed it, as the settings say. Its rates are told as figures."""
        settings = self._worker.settings.measuring
        runs, trial = undisturbed(
            lambda: self.measure(tasks, length), settings.foreign_percent, settings.disturbed_tries
        )
        self._context.measure(_figures(runs[-1]))
        return runs, trial

    def codecs(self, task: PipelineTask) -> frozenset[str]:
        """Of the media that its streams read; empty text where nobody knows. Raises as planning does."""
        return self._planner.codecs(task, self._context.tenant)

    def look(self, task: PipelineTask, until: Until) -> Seen:
        """One run of one stream whose files aren't repeated. Raises what planning does, and ``look``."""
        self._number += 1
        folder = self._context.scratch / f"look-{self._number}"
        alone = {"streams": 1, "max_runtime_s": 0.0, "isolation": "pipeline", "latency_metrics": False}
        limits = replace(self._limits(), inactivity_s=until.seconds + 2 * until.patience_s)
        try:
            plan = self._plan(task.model_copy(update=alone), folder)
            (request,) = plan.requests
            with hiding([plan]):
                seen = look(request, partial(run_pipeline, cwd=folder, limits=limits), until, self._context.check)
            seen.hide(plan.hidden)
            return seen
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def environment(self, tasks: Sequence[PipelineTask]) -> Environment:
        """Where and with what was measured."""
        compared = self.topic.task.model if isinstance(self.topic.task, ValidateTask) else None
        own = {compared.name} if compared else set[str]()
        names = sorted({name for task in tasks for name in pipeline_models(task.graph)} | own)
        installed = self._worker.model_store.installed()
        models = {name: installed[name].version for name in names if name in installed}
        libraries = {"gstreamer": version(), "gva": "native" if _native() else "framelane"}
        parts = environment(self._worker.device, libraries)
        return Environment(fingerprint=fingerprint({**parts, **models}), parts=parts, models=models)

    def keep(self, result: AnyMeasured, tasks: Sequence[PipelineTask], score: Score) -> list[str]:
        """Save the report and keep the result beyond the job; the names of the artifacts."""
        benchmark = self.remember(result, tasks, score)
        for name, content in render(benchmark).items():
            path = self._context.scratch / name
            path.write_bytes(content)
            self._context.save_artifact(name, path, MEDIA_TYPES[name])
        return list(MEDIA_TYPES)

    def remember(self, result: AnyMeasured, tasks: Sequence[PipelineTask], score: Score) -> Benchmark:
        """Keep the result beyond the job, whatever becomes of that."""
        benchmark = self._record(result, tasks, score)
        self._worker.benchmarks.keep(benchmark)
        return benchmark

    def _record(self, result: AnyMeasured, tasks: Sequence[PipelineTask], score: Score) -> Benchmark:
        topic, device = self.topic, self._worker.device
        ids = list(dict.fromkeys(task.pipeline_id for task in tasks))
        given = topic.task.name if isinstance(topic.task, MeasuredFields | ValidateFields | SuiteFields) else ""
        value, unit = score
        models = list(self.environment(tasks).models)
        return Benchmark.model_validate(
            {
                "id": topic.id,
                "job_id": self._context.job.id,
                "tenant": self._context.job.tenant,
                "parent": topic.parent,
                "kind": result.kind,
                "name": given or f"{result.kind} of {', '.join(ids or models)}",
                "created_at": datetime.now(UTC),
                "device": device.id,
                "host": self._worker.exclusive.host,
                "hardware": device.full_name,
                "pipelines": ids,
                "models": models,
                "score": value,
                "unit": unit,
                "spec": topic.task.model_dump(mode="json"),
                "result": result,
            }
        )

    def _plan(self, task: PipelineTask, folder: Path) -> Plan:
        folder.mkdir(parents=True)
        return self._planner.plan(task, self._context.job.id, folder, self._context.tenant)

    def _limits(self) -> Limits:
        settings = self._worker.settings.pipelines
        return Limits(
            memory_bytes=settings.memory_bytes,
            open_files=settings.open_files,
            inactivity_s=settings.inactivity_s,
            stop_s=settings.stop_s,
        )


@contextmanager
def hiding(plans: Iterable[Plan]) -> Generator[None]:
    """Inside, what pipelines fail of is told without the addresses and logins of cameras."""
    try:
        yield
    except PipelineFailed as error:
        detail = error.detail
        for plan in plans:
            detail = plan.hidden(detail)
        raise PipelineFailed(detail) from None


def named(tasks: Sequence[PipelineTask]) -> list[tuple[str, str]]:
    """Id and hash of each pipeline."""
    return [(task.pipeline_id, graph_hash(task.graph)) for task in tasks]


def _accelerator(device: DeviceInfo) -> list[Gauge]:
    if not (device.uuid or "").startswith("GPU-"):
        return []
    try:
        return [NvidiaGauge(device.uuid or "")]
    except OSError as error:
        log.warning("no_gauge", device=device.id, reason=str(error))
        return []


def _figures(run: MeasuredRun) -> list[StreamFigures]:
    rates = [rate for pipeline in run.fps for rate in pipeline]
    return [
        StreamFigures(stream=number, frames=round(rate * run.window_s), fps=rate)
        for number, rate in enumerate(rates)
    ]


def _native() -> bool:
    return "gvadetect" in available()
