"""Pipelines: what is asked for by names gets its paths, runs in processes of its own, leaves files and figures."""

import mimetypes
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import structlog

from shared import tracing
from shared.errors import PipelineFailed
from shared.packing import PipelineTask
from shared.results import InstalledModel, PipelineResult
from workers.context import JobContext
from workers.gst.available import NoGStreamer, available
from workers.gst.limits import Limits
from workers.gst.request import Request
from workers.gst.supervise import Ended, run_pipeline
from workers.handlers import WorkerEnvironment
from workers.handlers.pipeline_plan import Plan, Planner
from workers.handlers.pipeline_telling import Telling
from workers.rates import RATES

_NATIVE = "gvadetect"
_MOST_WARNINGS = 20
_LINES = "application/x-ndjson"

log = structlog.stdlib.get_logger()


def build(environment: WorkerEnvironment) -> "PipelineHandler":
    """The handler of ``pipeline`` jobs."""
    return PipelineHandler(environment)


class PipelineHandler:
    """Handler of ``pipeline`` jobs; holds nothing between them but what GStreamer has here."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._settings = environment.settings
        self._runtimes: list[str] = []
        self._planner = Planner(environment, available)
        # Beside the start of the worker, so that no job waits for it.
        threading.Thread(target=self._look, name="available", daemon=True).start()

    def run(self, context: JobContext) -> PipelineResult:
        """See the port. Raises PipelineFailed, and what can't be had for the pipeline."""
        task = context.task
        if not isinstance(task, PipelineTask):
            msg = f"not a pipeline: {task.kind}"
            raise TypeError(msg)
        began = time.monotonic()
        context.progress(0.0, "prepare")
        folder = context.scratch / "pipeline"
        folder.mkdir()
        plan = self._planner.plan(task, context.job.id, folder, context.tenant)
        context.check()
        kept = self._settings.jobs.records_kept
        about = (context, task.streams, kept, plan.frames, began, plan.live_urls)
        with RATES.of_one() as rates, Telling(*about, rates=rates) as telling:
            try:
                ends = self._play(context, plan, folder, telling)
            except PipelineFailed as error:
                raise PipelineFailed(plan.hidden(error.detail)) from None
        context.progress(0.99, "store")
        outputs = [
            _saved(context, path) for path in (*plan.outputs, *sorted(plan.named.iterdir())) if path.exists()
        ]
        metadata = [_saved(context, path) for path in plan.metadata if path.exists()]
        return _result(task, ends, telling, outputs, metadata, plan)

    def _play(self, context: JobContext, plan: Plan, folder: Path, telling: Telling) -> list[Ended]:
        settings = self._settings.pipelines
        limits = Limits(
            memory_bytes=settings.memory_bytes,
            open_files=settings.open_files,
            inactivity_s=settings.inactivity_s,
            stop_s=settings.stop_s,
        )
        together = _Together(context.check)
        run = partial(run_pipeline, cwd=folder, limits=limits, check=together.check, on_message=telling.hear)
        parent = tracing.traceparent()  # of this thread; each process is watched by another

        def play(request: Request) -> Ended:
            with tracing.span("pipeline process", parent=parent):
                return run(request)

        if len(plan.requests) == 1:
            return [play(plan.requests[0])]
        return together.all(play, plan.requests)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Each run loads what it needs in its own process."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """``gstreamer``, and ``dlstreamer`` if its own elements are there."""
        return self._runtimes

    def close(self) -> None:
        """Nothing is held."""

    def _look(self) -> None:
        try:
            self._runtimes = ["dlstreamer", "gstreamer"] if _NATIVE in available() else ["gstreamer"]
        except NoGStreamer as error:
            log.warning("no_gstreamer", reason=error.detail)


class _StopTogetherError(Exception):
    """Another process of the same job failed."""


class _Together:
    """Several processes of one job: if one fails, all stop."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._failed = threading.Event()

    def check(self) -> None:
        self._check()
        if self._failed.is_set():
            raise _StopTogetherError

    def all(self, play: Callable[[Request], Ended], requests: Sequence[Request]) -> list[Ended]:
        """What each came to. Raises what the first that failed did."""
        with ThreadPoolExecutor(len(requests), thread_name_prefix="stream") as pool:
            futures = [pool.submit(self._one, play, request) for request in requests]
        errors = [error for future in futures if (error := future.exception())]
        for error in errors:
            if not isinstance(error, _StopTogetherError):
                raise error
        return [future.result() for future in futures]

    def _one(self, play: Callable[[Request], Ended], request: Request) -> Ended:
        try:
            return play(request)
        except BaseException:
            self._failed.set()
            raise


def _saved(context: JobContext, path: Path) -> str:
    kind = _LINES if path.suffix == ".jsonl" else mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return context.save_artifact(path.name, path, kind).name


def _result(
    task: PipelineTask,
    ends: Sequence[Ended],
    telling: Telling,
    outputs: list[str],
    metadata: list[str],
    plan: Plan,
) -> PipelineResult:
    streams = telling.located(each for end in ends for each in end.streams)
    warnings = [plan.hidden(said) for said in dict.fromkeys(said for end in ends for said in end.warnings)]
    warnings = warnings[:_MOST_WARNINGS]
    if telling.omitted:
        warnings.append(f"{telling.omitted} records are in the artifact only, not among those for live readers")
    return PipelineResult(
        pipeline_id=task.pipeline_id,
        ended="max_runtime" if any(end.ended == "max_runtime" for end in ends) else "eos",
        streams=streams,
        total_fps=round(sum(each.fps for each in streams), 2),
        slowest_fps=min(each.fps for each in streams),
        run_s=max(end.run_s for end in ends),
        first_frame_ms=telling.first_frame_ms,
        outputs=outputs,
        metadata=metadata,
        records=telling.records,
        warnings=warnings,
    )
