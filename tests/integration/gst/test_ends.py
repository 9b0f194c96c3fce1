"""Ends of pipelines that nobody wished for: stopped, stuck, crashed."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import JobCancelled, PipelineFailed
from tests.integration.gst.conftest import Play, child
from workers.gst.limits import Limits

LIVE = "videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=30/1"
MP4 = "x264enc tune=zerolatency ! mp4mux ! filesink name=s location=out.mp4"
READ = "filesrc location=out.mp4 ! qtdemux ! h264parse ! avdec_h264 ! fakesink name=s"


class After:
    """Does something at the message that says so many frames moved."""

    def __init__(self, frames: int, act: Callable[[], object]) -> None:
        self._frames, self._act = frames, act
        self.done = False

    def __call__(self, message: Any) -> None:
        if message["type"] == "fps" and message["streams"][0]["frames"] >= self._frames and not self.done:
            self.done = True
            self._act()


class Cancel(After):
    """Cancels then."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames, lambda: None)

    def check(self) -> None:
        if self.done:
            raise JobCancelled


def test_a_stopped_recording_can_be_played(play: Play):
    cancel = Cancel(10)
    with pytest.raises(JobCancelled):
        play(f"{LIVE} ! {MP4}", check=cancel.check, on_message=cancel)
    assert play(READ).streams[0].frames >= 10


def test_a_recording_from_a_file_that_is_stopped_can_be_played(play: Play, video: Path):
    cancel = Cancel(5)
    text = f"filesrc location={video} ! qtdemux ! h264parse ! avdec_h264 ! identity sleep-time=50000 ! {MP4}"
    with pytest.raises(JobCancelled):
        play(text, check=cancel.check, on_message=cancel)
    assert 5 <= play(READ).streams[0].frames < 60


def test_what_is_far_behind_is_cut_off_so_that_the_recording_is_whole(play: Play):
    cancel = Cancel(2)
    text = f"{LIVE} ! queue max-size-buffers=0 max-size-time=0 ! identity sleep-time=200000 ! {MP4}"
    began = time.monotonic()
    with pytest.raises(JobCancelled):
        play(text, check=cancel.check, on_message=cancel, limits=Limits(stop_s=1.5))
    assert time.monotonic() - began < 30
    assert play(READ).streams[0].frames >= 2


def test_a_pipeline_that_moves_nothing_is_given_up(play: Play):
    with pytest.raises(PipelineFailed, match="no frame moved for"):
        play(
            "videotestsrc is-live=true ! video/x-raw,framerate=1/1000 ! fakesink name=s sync=true",
            limits=Limits(inactivity_s=0.5, stop_s=0.5),
        )


def test_a_pipeline_that_runs_too_long_is_given_up(play: Play):
    with pytest.raises(PipelineFailed, match=r"ran longer than 0\.5 s"):
        play(f"{LIVE} ! fakesink name=s", limits=Limits(wall_s=0.5))


def test_a_child_that_hears_nothing_is_killed(play: Play):
    cancel = Cancel(1)
    frozen: list[int] = []

    def freeze(message: Any) -> None:
        cancel(message)
        if cancel.done and not frozen:
            frozen.append(child().pid)
            os.kill(frozen[0], signal.SIGSTOP)

    began = time.monotonic()
    with pytest.raises(JobCancelled):
        play(f"{LIVE} ! fakesink name=s", check=cancel.check, on_message=freeze, limits=Limits(stop_s=0.2))
    assert time.monotonic() - began < 30
    assert is_gone(frozen[0])


@pytest.fixture
def sabotage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], object]]:
    """Makes children do something evil, on a thread of theirs, once the returned call is made."""

    def sabotage(code: str) -> Callable[[], object]:
        folder = tmp_path / "sabotage"
        folder.mkdir()
        os.mkfifo(folder / "now")
        code = code.replace("\n", "\n    ")
        (folder / "sitecustomize.py").write_text(
            "import ctypes, json, os, sys, threading\n"
            "def evil():\n"
            f"    open({str(folder / 'now')!r}).read()\n"
            f"    {code}\n"
            "threading.Thread(target=evil, daemon=True).start()\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(folder))
        return lambda: (folder / "now").write_text("now")

    return sabotage


def test_a_crash_of_native_code_costs_only_the_call(play: Play, sabotage: Callable[[str], Callable[[], object]]):
    crash = sabotage("ctypes.string_at(0)")
    with pytest.raises(PipelineFailed, match="the pipeline's process was killed by SIGSEGV"):
        play(f"{LIVE} ! fakesink name=s", on_message=After(1, crash))


def test_no_line_of_a_child_that_dies_is_lost(play: Play, sabotage: Callable[[str], Callable[[], object]]):
    crash = sabotage(
        "for number in range(5_000):\n"
        "    os.write(int(sys.argv[1]), json.dumps({'type': 'latency', 'number': number}).encode() + b'\\n')\n"
        "os.kill(os.getpid(), 11)"
    )
    told: list[Any] = []
    begin = After(1, crash)

    def hear(message: Any) -> None:
        begin(message)
        told.append(message)

    with pytest.raises(PipelineFailed, match="SIGSEGV"):
        play(f"{LIVE} ! fakesink name=s", on_message=hear)
    assert [each["number"] for each in told if each["type"] == "latency"] == list(range(5_000))


def test_the_last_words_of_a_child_that_dies_are_told(play: Play, sabotage: Callable[[str], Callable[[], object]]):
    crash = sabotage("print('it hurts', file=sys.stderr, flush=True)\nos.abort()")
    with pytest.raises(PipelineFailed, match=r"SIGABRT.*\n(.*\n)*it hurts"):
        play(f"{LIVE} ! fakesink name=s", on_message=After(1, crash))


def test_a_pipeline_without_enough_memory_costs_only_the_call(play: Play):
    text = (
        "videotestsrc num-buffers=200 ! video/x-raw,width=8000,height=8000 ! queue max-size-bytes=0 max-size-time=0"
        " ! identity sleep-time=1000000 ! fakesink name=s"
    )
    with pytest.raises(PipelineFailed):
        play(text, limits=Limits(memory_bytes=700 * 2**20))


def test_processor_time_is_limited(play: Play):
    with pytest.raises(PipelineFailed, match="killed by SIGXCPU"):
        play("videotestsrc ! fakesink name=s", limits=Limits(cpu_s=1))


def test_what_the_caller_raises_on_a_message_ends_the_child(play: Play):
    pids: list[int] = []

    def raise_(_message: Any) -> None:
        pids.append(child().pid)
        raise KeyError

    with pytest.raises(KeyError):
        play(f"{LIVE} ! fakesink name=s", on_message=raise_)
    assert is_gone(pids[0])


def test_a_worker_that_is_killed_takes_its_pipeline_with_it(tmp_path: Path):
    worker = (
        "import sys; from pathlib import Path\n"
        "from tests.integration.gst.conftest import child\n"
        "from workers.gst.limits import Limits; from workers.gst.request import Request, Stream\n"
        "from workers.gst.supervise import run_pipeline\n"
        "def told(message):\n"
        "    if message['type'] == 'first_frame': print(child().pid, flush=True)\n"
        f"run_pipeline(Request({LIVE + ' ! fakesink name=s'!r}, (Stream(0, 's'),)), cwd=Path({str(tmp_path)!r}),\n"
        "    limits=Limits(), check=lambda: None, on_message=told)\n"
    )
    with subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        process.kill()
    assert is_gone(pid)


def is_gone(pid: int) -> bool:
    """Within ten seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)
