"""What it costs to supervise a pipeline, against ``gst-launch-1.0`` with the same text: native elements only."""

import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.stats import machine, print_figures
from workers.gst.limits import Limits
from workers.gst.process import environment
from workers.gst.request import Request, Stream
from workers.gst.supervise import run_pipeline

ROUNDS = 5
ENDED = re.compile(r"Execution ended after 0:(\d\d):(\d\d\.\d+)")
VIDEO = "video.mp4"
FRAMES = 400
DECODED = f"filesrc location={VIDEO} ! qtdemux ! h264parse ! avdec_h264"
BGR = "videoconvert ! video/x-raw,format=BGR ! fakesink"
TEXTS = {
    "720p H.264 decoded and converted": (FRAMES, f"{DECODED} ! {BGR} name=s0"),
    "the same in two streams": (2 * FRAMES, f"{DECODED} ! {BGR} name=s0 {DECODED} ! {BGR} name=s1"),
    "decoded and encoded into an mp4": (
        FRAMES,
        f"{DECODED} ! x264enc speed-preset=ultrafast ! mp4mux ! filesink location=out.mp4 name=s0",
    ),
    "empty frames, nothing done": (
        200_000,
        "videotestsrc num-buffers=200000 pattern=black ! video/x-raw,width=64,height=64 ! fakesink name=s0",
    ),
}


def bare(text: str, frames: int, folder: Path) -> float:
    """Frames a second of ``gst-launch-1.0``, from playing to the end of the stream."""
    done = subprocess.run(
        ["gst-launch-1.0", *text.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    found = ENDED.search(done.stdout)
    if found is None:
        raise RuntimeError(done.stdout)
    return frames / (60 * int(found[1]) + float(found[2]))


def supervised(text: str, frames: int, folder: Path) -> float:
    """The same of ours, all frames counted."""
    streams = tuple(Stream(number, f"s{number}") for number in range(text.count(" name=s")))
    playing: list[float] = []

    def hear(message: object) -> None:
        if message in ({"type": "state", "state": "PLAYING"}, {"type": "eos"}):
            playing.append(time.monotonic())

    ended = run_pipeline(Request(text, streams), cwd=folder, limits=Limits(), check=lambda: None, on_message=hear)
    assert sum(stream.frames for stream in ended.streams) == frames
    return frames / (playing[1] - playing[0])


def compared(text: str, frames: int, folder: Path) -> tuple[float, float]:
    """Medians of both, taken in turns."""
    ways: tuple[Callable[[str, int, Path], float], ...] = (bare, supervised)
    figures = [[way(text, frames, folder) for way in ways] for _ in range(ROUNDS)]
    return statistics.median(pair[0] for pair in figures), statistics.median(pair[1] for pair in figures)


def main() -> None:
    """Print the table."""
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = (
            f"videotestsrc num-buffers={FRAMES} pattern=ball ! video/x-raw,width=1280,height=720 ! x264enc"
            f" speed-preset=veryfast bitrate=4000 ! h264parse ! mp4mux ! filesink location={VIDEO}"
        )
        subprocess.run(["gst-launch-1.0", *make.split()], cwd=folder, capture_output=True, check=True)
        for what, (frames, text) in TEXTS.items():
            alone, ours = compared(text, frames, folder)
            measured = f"{alone:,.0f} and {ours:,.0f} FPS: {(ours - alone) / alone:+.1%}"
            rows.append((what, measured, "≥ -3 %"))
    print_figures(f"gst-launch-1.0 and a supervised pipeline ({machine()}, medians of {ROUNDS})", rows)


if __name__ == "__main__":
    main()
