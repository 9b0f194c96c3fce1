"""What the demonstration does, step by step."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from client.demo.detection import detect
from client.demo.photo import LICENCE, PACKAGE, hand_photo
from client.demo.stage import Stage
from client.demo.steps import DemoFailed, completed, install, where
from client.local import LocalStack
from client.sdk import Framelane
from shared.events import StateChanged
from shared.inputs import FileInput, LandmarksInput, Point
from shared.jobs import Completed, Job
from shared.results import GesturePrediction, InferenceResult
from shared.specs import InferenceOptions, InferenceSpec, ModelDownloadSpec

MODELS = ("asl", "vgt", "hand_landmarker")
READER = "vgt"
READERS = (READER, "hand_landmarker")
"""What a photo goes through."""
LANE = "cpu"

_WARM_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.1


def tell(console: Console, data_dir: Path, photo: Path | None) -> None:
    """Everything, printed as it happens. Raises FramelaneError or ClientError for whatever doesn't work."""
    stage = Stage(console)
    stage.title("Framelane", "a photo becomes a letter, and a video tells who is in it")
    picture = photo or hand_photo(data_dir / "cache")
    with stage.waiting("System", "starting gateway, workers and Valkey …"):
        stack = LocalStack(data_dir).start()
    try:
        _system(stage, stack)
        with Framelane(stack.url) as client:
            _models(stage, client)
            origin = "yours" if photo else f"out of the npm package {PACKAGE}, {LICENCE}"
            points = _photo(stage, client, picture, origin, data_dir / "demo")
            _landmarks(stage, client, points)
            detect(stage, stack, client, data_dir / "demo")
    finally:
        began = time.monotonic()
        with stage.waiting("Stop", "stopping gateway, workers and Valkey …"):
            stack.stop()
    stage.step(
        "Stop", f"everything stopped in {time.monotonic() - began:.1f} s; models and jobs stay in {data_dir}"
    )


def _system(stage: Stage, stack: LocalStack) -> None:
    stage.step("System", f"ready in {stack.ready_s:.1f} s at [bold]{stack.url}[/]")
    parts = "  ".join(f"{name} [dim]{pid}[/]" for name, pid in stack.pids().items())
    stage.line(f"{parts}   [dim](process ids)[/]")


def _models(stage: Stage, client: Framelane) -> None:
    _install(stage, client)
    _warm_up(stage, client)


def _install(stage: Stage, client: Framelane) -> None:
    known = {model.name: model for model in client.models()}
    missing = [name for name in MODELS if known[name].installed is None]
    for licence in dict.fromkeys(known[name].licence for name in missing):
        names = ", ".join(name for name in missing if known[name].licence == licence)
        stage.step("Models", f"{names}: licence [bold]{licence}[/], downloaded for you, not part of Framelane")
    if not missing:
        stage.step("Models", f"{', '.join(MODELS)} are installed already")
        return
    install(stage, client, "Models", ModelDownloadSpec(models=list(MODELS)))


def _warm_up(stage: Stage, client: Framelane) -> None:
    """What the photo takes shall be the photo's time, not that of loading what reads it."""
    if _warm(client):
        return
    began = time.monotonic()
    with stage.waiting("Models", f"{LANE} worker loads {' and '.join(READERS)} …"):
        while not _warm(client):
            if time.monotonic() > began + _WARM_WITHIN_S:
                stage.step("Models", f"not loaded by the {LANE} worker within {_WARM_WITHIN_S:.0f} s; going on")
                return
            time.sleep(_LOOK_EVERY_S)
    stage.step("Models", f"loaded by the {LANE} worker in {time.monotonic() - began:.1f} s")


def _warm(client: Framelane) -> bool:
    return any(each.lane == LANE and set(READERS) <= set(each.models) for each in client.workers())


def _photo(stage: Stage, client: Framelane, picture: Path, origin: str, target: Path) -> Sequence[Point]:
    stage.step("Photo", f"{picture} [dim]({origin})[/], read by the model {READER}")
    spec = InferenceSpec(model=READER, inputs=[FileInput(file="photo")], options=InferenceOptions(annotate=True))
    job = _follow(stage, client, client.submit(spec, files={"photo": picture}))
    answer = _letter(stage, job)
    if answer.hand is None:
        msg = f"no hand was found in {picture}"
        raise DemoFailed(msg)
    target.mkdir(parents=True, exist_ok=True)
    for artifact in job.artifacts:
        where = client.download(job.id, artifact.name, target)
        stage.line(f"[bold]drawn[/]     {where}")
    return answer.hand.landmarks


def _landmarks(stage: Stage, client: Framelane, points: Sequence[Point]) -> None:
    stage.step("Landmarks", f"the {len(points)} points that were found in it, sent as numbers")
    spec = InferenceSpec(model=READER, inputs=[LandmarksInput(landmarks=list(points))])
    _letter(stage, _follow(stage, client, client.submit(spec)))


def _follow(stage: Stage, client: Framelane, submitted: Job) -> Job:
    """Tell each change of state as the WebSocket tells it; the job when it has ended."""
    pids = {worker.id: worker.pid for worker in client.workers()}
    began: int | None = None
    for event in client.follow(submitted.id, after_seq=0):
        if isinstance(event, StateChanged):
            began = event.at_ms if began is None else began
            stage.transition(event.state, event.at_ms - began, where(event, pids))
    return completed(client.get(submitted.id))


def _letter(stage: Stage, job: Job) -> GesturePrediction:
    result: Any = job.outcome.result if isinstance(job.outcome, Completed) else None
    answer = result.predictions[0] if isinstance(result, InferenceResult) else None
    if not isinstance(answer, GesturePrediction):
        msg = f"job {job.id} has no gesture in its result"
        raise DemoFailed(msg)
    stage.letter(answer, job)
    return answer
