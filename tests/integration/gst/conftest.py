from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol

import psutil
import pytest

from workers.gst.available import NoGStreamer, available
from workers.gst.limits import Limits
from workers.gst.request import Request, Stream
from workers.gst.supervise import Ended, run_pipeline

NEEDED = {"videotestsrc", "x264enc", "h264parse", "mp4mux", "qtdemux", "avdec_h264", "mpegtsmux", "tsdemux"}


def absent(what: str) -> NoReturn:
    pytest.skip(what)


@pytest.fixture(scope="session", autouse=True)
def gstreamer() -> None:
    """What these tests are about."""
    try:
        missing = NEEDED - available()
    except NoGStreamer as error:
        absent(str(error))
    if missing:
        absent(f"GStreamer here has no {', '.join(sorted(missing))}")


class Play(Protocol):
    def __call__(self, text: str, *sinks: str, **rest: Any) -> Ended: ...


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a text in a folder of the test's own; by default it has one stream, whose sink is called ``s``."""

    def play(
        text: str,
        *sinks: str,
        limits: Limits | None = None,
        check: Callable[[], None] = lambda: None,
        on_message: Callable[[Any], None] = lambda _message: None,
        **rest: Any,
    ) -> Ended:
        streams = tuple(Stream(number, sink) for number, sink in enumerate(sinks or ("s",)))
        request = Request(text, streams, **rest)
        return run_pipeline(request, cwd=tmp_path, limits=limits or Limits(), check=check, on_message=on_message)

    return play


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of H.264 in an mp4: 60 frames."""
    return _recorded(tmp_path_factory.mktemp("video"), 60)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, so short that any machine can play it often: 15 frames."""
    return _recorded(tmp_path_factory.mktemp("clip"), 15)


def _recorded(folder: Path, frames: int) -> Path:
    text = (
        f"videotestsrc num-buffers={frames} ! video/x-raw,width=320,height=240,framerate=30/1 "
        "! x264enc key-int-max=15 ! mp4mux ! filesink name=s location=video.mp4"
    )
    run_pipeline(Request(text, (Stream(0, "s"),)), cwd=folder, limits=Limits(), check=lambda: None)
    return folder / "video.mp4"


def child() -> psutil.Process:
    """The process of the pipeline that runs now."""
    (found,) = filter(_is_child, psutil.Process().children(recursive=True))
    return found


def _is_child(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # one that has just ended
        return "workers.gst.child" in process.cmdline()
    return False
