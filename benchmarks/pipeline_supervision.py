"""What it costs to supervise a pipeline, against ``gst-launch-1.0`` with the same text: native elements only.

Runs alternate, and so does which of the two goes first; the cost is the median over the pairs, as what else the
machine does changes more slowly than they do. The last row, of ``gst-launch-1.0`` and itself, shows what is noise.
"""

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
SMALL = 25_000
EMPTY = 1_500_000
DECODED = f"filesrc location={VIDEO} ! qtdemux ! h264parse ! avdec_h264"
BGR = "videoconvert ! video/x-raw,format=BGR ! fakesink"
ENCODED = "x264enc speed-preset=ultrafast ! mp4mux ! filesink location=out.mp4 name=s0"
TEXTS = {
    "720p H.264 decoded and converted": (FRAMES, f"{DECODED} ! {BGR} name=s0"),
    "the same in two streams": (2 * FRAMES, f"{DECODED} ! {BGR} name=s0 {DECODED} ! {BGR} name=s1"),
    "decoded and encoded into an mp4": (
        FRAMES,
        f"{DECODED} ! {ENCODED}",
    ),
    "small frames encoded into an mp4": (
        SMALL,
        f"videotestsrc num-buffers={SMALL} pattern=black ! video/x-raw,width=64,height=64 ! {ENCODED}",
    ),
    "empty frames, nothing done": (
        EMPTY,
        f"videotestsrc num-buffers={EMPTY} pattern=black ! video/x-raw,width=64,height=64 ! fakesink name=s0",
    ),
}
Way = Callable[[str, int, Path], float]


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


def compared(ways: tuple[Way, Way], text: str, frames: int, folder: Path) -> tuple[float, float, float]:
    """Medians of both, and of the second's part of the first."""
    pairs: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        order = (0, 1) if number % 2 else (1, 0)
        figures = {each: ways[each](text, frames, folder) for each in order}
        pairs.append((figures[0], figures[1]))
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median(b / a for a, b in pairs)


def row(what: str, ways: tuple[Way, Way], folder: Path, target: str = "") -> tuple[str, str, str]:
    """One line of the table."""
    frames, text = TEXTS[what]
    first, second, part = compared(ways, text, frames, folder)
    return what, f"{first:,.0f} and {second:,.0f} FPS: {part - 1:+.1%}", target


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = (
            f"videotestsrc num-buffers={FRAMES} pattern=ball ! video/x-raw,width=1280,height=720 ! x264enc"
            f" speed-preset=veryfast bitrate=4000 ! h264parse ! mp4mux ! filesink location={VIDEO}"
        )
        subprocess.run(["gst-launch-1.0", *make.split()], cwd=folder, capture_output=True, check=True)
        rows = [row(what, (bare, supervised), folder, "≥ -3 %") for what in TEXTS]
        first, *_ = TEXTS
        _, measured, _ = row(first, (bare, bare), folder)
        rows.append(("gst-launch-1.0 twice, decoding", measured, ""))
    print_figures(f"gst-launch-1.0 and a supervised pipeline ({machine()}, medians of {ROUNDS})", rows)


if __name__ == "__main__":
    main()
