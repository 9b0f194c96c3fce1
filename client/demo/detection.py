"""The second half of the demonstration: people are found in a video, live."""

import os
import threading
import time
from pathlib import Path
from typing import Any

from client.demo.stage import Stage
from client.demo.steps import DemoFailed, completed, install, where
from client.local import LocalStack
from client.local.lanes import PIPELINES, why_no_pipelines
from client.sdk import ClientError, Framelane
from client.sdk.records import MetadataRecord
from shared.events import Measured, StateChanged
from shared.jobs import Completed, Job
from shared.pipelines import VariantSource
from shared.results import PipelineResult, StreamFigures
from shared.specs import MediaDownloadSpec, ModelDownloadSpec, PipelineSpec

PIPELINE, VARIANT = "person-detection", "cpu"
MODEL, VIDEO = "person-ssdlite", "bikes"
STREAMS = 2

_LABEL = "Pipeline"
_EVERY_S = 0.8
"""A detection is printed at most so often; all of them are in the artifact."""


def detect(stage: Stage, stack: LocalStack, client: Framelane, target: Path) -> None:
    """Install what is missing, run the pipeline, tell what it finds while it runs and what it leaves."""
    if PIPELINES not in stack.lanes:
        why = why_no_pipelines(os.environ) or f"this system has no lane {PIPELINES}"
        stage.step(_LABEL, f"[yellow]left out:[/] {why}")
        return
    _fetch(stage, client)
    stage.step(_LABEL, f"{PIPELINE}, variant {VARIANT}: {STREAMS} streams of {VIDEO}, each drawn on and recorded")
    spec = PipelineSpec(
        pipeline=VariantSource(pipeline_id=PIPELINE, variant_id=VARIANT),
        streams=STREAMS,
        output_mode="file",
        metadata_mode="file",
    )
    job = _follow(stage, client, client.submit(spec))
    _tell(stage, _result(job))
    target.mkdir(parents=True, exist_ok=True)
    for artifact in job.artifacts:
        stage.line(f"[bold]left[/]      {client.download(job.id, artifact.name, target)}")


def _fetch(stage: Stage, client: Framelane) -> None:
    model = next(each for each in client.models() if each.name == MODEL)
    if model.installed is None:
        stage.step("Detector", f"{MODEL}: licence [bold]{model.licence}[/], downloaded for you")
        install(stage, client, "Detector", ModelDownloadSpec(models=[MODEL]))
    else:
        stage.step("Detector", f"{MODEL} is installed already")
    stage.step("Video", f"{VIDEO}: added to the library if it isn't there")
    install(stage, client, "Video", MediaDownloadSpec(media=[VIDEO]))


def _follow(stage: Stage, client: Framelane, submitted: Job) -> Job:
    """Tell changes of state, figures and, beside them, detections; the job when it has ended."""
    pids = {worker.id: worker.pid for worker in client.workers()}
    reader = threading.Thread(target=_read, args=(stage, client.url, submitted.id), daemon=True)
    reader.start()
    began: int | None = None
    with stage.progress(_LABEL) as show:
        for event in client.follow(submitted.id, after_seq=0):
            if isinstance(event, StateChanged):
                began = event.at_ms if began is None else began
                stage.transition(event.state, event.at_ms - began, where(event, pids))
            elif isinstance(event, Measured):
                frames = sum(each.frames for each in event.streams)
                show(min(frames / 500, 1.0), f"{_fps(event.streams)}   {event.records} records")
    reader.join(timeout=10)
    return completed(client.get(submitted.id))


def _read(stage: Stage, url: str, job_id: str) -> None:
    """Detections as they come, with a connection of its own."""
    told_at = float("-inf")
    try:
        with Framelane(url) as client:
            for news in client.records(job_id):
                if isinstance(news, MetadataRecord) and time.monotonic() - told_at >= _EVERY_S:
                    told_at = time.monotonic()
                    for line in _in_words(news):
                        stage.line(line)
    except ClientError as error:
        stage.line(f"[yellow]detections can't be followed:[/] {error}")


def _in_words(news: MetadataRecord) -> list[str]:
    seconds = news.record.get("timestamp", 0) / 1e9
    found: list[dict[str, Any]] = news.record.get("objects", [])
    return [
        f"[bold magenta]found[/]     {each['detection']['label']} {each['detection']['confidence']:.2f}"
        f"  at {each['x']},{each['y']}  {each['w']} x {each['h']}"
        f"  [dim](stream {news.stream}, {seconds:.2f} s into the video)[/]"
        for each in found[:1]
        if "detection" in each
    ]


def _tell(stage: Stage, result: PipelineResult) -> None:
    frames = sum(each.frames for each in result.streams)
    first_ms = result.first_frame_ms or 0.0
    stage.line(f"[bold]speed[/]     {_fps(result.streams)}   [dim]{frames} frames in {result.run_s:.1f} s[/]")
    stage.line(f"[bold]records[/]   {result.records}; the first frame came after {first_ms:.0f} ms")


def _fps(streams: list[StreamFigures]) -> str:
    return "  ".join(f"stream {each.stream}: {each.fps:.1f} FPS" for each in streams)


def _result(job: Job) -> PipelineResult:
    result: Any = job.outcome.result if isinstance(job.outcome, Completed) else None
    if not isinstance(result, PipelineResult):
        msg = f"job {job.id} isn't a pipeline's"
        raise DemoFailed(msg)
    return result
