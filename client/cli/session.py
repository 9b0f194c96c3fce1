"""``framelane session``: the frames of a video or a folder through a live session."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from client.cli.frames import photos as photos_of
from client.cli.frames import video as video_of
from client.cli.output import JOB_FAILED, OK, WrongUsage, err, out, print_json
from client.cli.predictions import prediction
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from client.sdk.session_track import Told
from client.sdk.sessions import LiveSession
from shared.sessions import DroppedFrame, FrameFailed, FrameLost, FrameResult, RefusedFrame, WindowReset

_PATIENCE_S = 60.0


def session(
    model: Annotated[str, typer.Option(help="Of the catalogue, or an installed one.")],
    video: Annotated[Path | None, typer.Option(help="A file that GStreamer decodes.", exists=True)] = None,
    photos: Annotated[Path | None, typer.Option(help="A folder; in the order of names.", file_okay=False)] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.1, help="As a camera would: frames that are too many are dropped.")
    ] = None,
    device: Annotated[str, typer.Option()] = "AUTO",
    mirror: Annotated[bool, typer.Option(help="Flip left and right first.")] = False,
    record: Annotated[bool, typer.Option(help="Keep the answers as files, and say where.")] = False,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send frames through a live session and print what becomes of each; without --fps none is dropped."""
    frames = _frames(video, photos)
    counts: Counter[str] = Counter()
    with gateway(url, data_dir) as client:
        with client.session(model, device=device, mirror=mirror, record=record) as live:
            for told in _conversation(live, frames, fps):
                counts[told.type] += 1
                _show(told, as_json=as_json)
            session_id = live.begun.session
        if record:
            err().print(f"recorded: {client.url}/api/v1/sessions/{session_id}/artifacts")
    summary = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    err().print(f"{sum(counts.values())} frames: {summary or 'none'}")
    raise typer.Exit(OK if counts["result"] else JOB_FAILED)


def _frames(video: Path | None, photos: Path | None) -> Iterator[tuple[str, bytes]]:
    if (video is None) == (photos is None):
        msg = "give exactly one of --video and --photos"
        raise WrongUsage(msg)
    return photos_of(photos) if photos else video_of(video or Path())


def _conversation(live: LiveSession, frames: Iterator[tuple[str, bytes]], fps: float | None) -> Iterator[Told]:
    begun, number = time.monotonic(), 0
    for number, (name, content) in enumerate(frames, 1):
        live.send(content, frame=name, captured=time.time())
        due = 0.0 if fps is None else begun + number / fps
        yield from _until(live, due)
    give_up_at = time.monotonic() + _PATIENCE_S
    while live.unanswered and time.monotonic() < give_up_at:
        if (told := live.receive(0.1)) is not None:
            yield told


def _until(live: LiveSession, due: float) -> Iterator[Told]:
    """What is told until the next frame is due; without a time for it, until no frame drives another out."""
    while not live.has_room if not due else time.monotonic() < due:
        wait_s = max(0.0, due - time.monotonic()) if due else 0.1
        if (told := live.receive(wait_s)) is not None:
            yield told


def _show(told: Told, *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        _line(told, out())


def _line(told: Told, console: Console) -> None:
    match told:
        case FrameResult(frame=frame, timings=timings):
            took = f"  {timings.wait_ms + timings.run_ms:.0f} ms"
            console.print(Text(f"{frame}  ").append_text(prediction(told.prediction)).append(took, style="dim"))
        case FrameFailed(frame=frame, error=error) | FrameLost(frame=frame, error=error):
            console.print(Text(f"{frame}  {told.type}: {error.detail}", style="red"))
        case RefusedFrame(frame=frame, error=error):
            console.print(Text(f"{frame}  refused: {error.detail}", style="red"))
        case DroppedFrame(frame=frame):
            console.print(Text(f"{frame}  dropped: a newer frame came first", style="dim"))
        case WindowReset():
            pass
