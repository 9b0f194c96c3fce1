"""Pipelines made ready to be measured, as often as wanted, with other numbers of streams each time."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.packing import PipelineTask
from workers.context import JobContext
from workers.gst.limits import Limits
from workers.gst.request import Request
from workers.gst.supervise import run_pipeline
from workers.handlers import WorkerEnvironment
from workers.handlers.pipeline_plan import Planner
from workers.measuring.gauges import Gauge, gauges
from workers.measuring.trial import Asked, Trial, run_trial

Plans = Callable[[PipelineTask, str, Path], Sequence[Request]]


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds of a run."""

    warm_up_s: float
    duration_s: float


class Bench:
    """Of one job. ``more``: gauges of the device, beside the machine's own."""

    def __init__(
        self, environment: WorkerEnvironment, planner: Planner, context: JobContext, more: Sequence[Gauge] = ()
    ) -> None:
        self._pipelines = environment.settings.pipelines
        self._planner = planner
        self._context = context
        self._more = more
        self._number = 0

    def measure(self, tasks: Sequence[PipelineTask], length: Length) -> Trial:
        """One run of all of them together. Pipelines without streams are left out, but keep their numbers.

        Raises what planning does, and ``run_trial``.
        """
        self._number += 1
        folder = self._context.scratch / f"run-{self._number}"
        try:
            requests = [self._requests(task, folder / f"pipeline-{place}") for place, task in enumerate(tasks)]
            asked = Asked(requests, length.warm_up_s, length.duration_s, self._pipelines.inactivity_s)
            play = partial(run_pipeline, cwd=folder, limits=self._limits())
            return run_trial(asked, play, self._context.check, gauges(self._more))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def prepare(self, tasks: Sequence[PipelineTask]) -> None:
        """Fetch what the pipelines need, so that no run waits for it; says what can't be had."""
        for task in tasks:
            folder = self._context.scratch / "prepare"
            folder.mkdir(parents=True, exist_ok=True)
            self._planner.plan(task, self._context.job.id, folder)
            shutil.rmtree(folder)

    def _requests(self, task: PipelineTask, folder: Path) -> Sequence[Request]:
        folder.mkdir(parents=True)
        return self._planner.plan(task, self._context.job.id, folder).requests

    def _limits(self) -> Limits:
        settings = self._pipelines
        return Limits(
            memory_bytes=settings.memory_bytes,
            open_files=settings.open_files,
            inactivity_s=settings.inactivity_s,
            stop_s=settings.stop_s,
        )
