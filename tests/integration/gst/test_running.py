"""Pipelines from start to end: figures, what is told, several streams."""

import os
import resource
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.errors import JobCancelled, PipelineFailed
from tests.integration.gst.conftest import Play, child
from workers.gst.available import available
from workers.gst.limits import Limits
from workers.gst.request import Records

DECODED = "qtdemux ! h264parse ! avdec_h264"


def test_a_file_is_played_to_its_end(play: Play, video: Path):
    told: list[Any] = []
    ended = play(f"filesrc location={video} ! {DECODED} ! fakesink name=s", on_message=told.append)
    (stream,) = ended.streams
    assert (ended.ended, stream.stream, stream.frames, ended.warnings) == ("eos", 0, 60, [])
    assert stream.fps > 0
    assert ended.first_frame_ms is not None
    assert 0 < ended.first_frame_ms < 10_000
    kinds = [each["type"] for each in told]
    assert {"type": "state", "state": "PLAYING"} in told
    assert kinds.count("first_frame") == 1
    assert kinds[-2:] == ["eos", "ended"]


def test_frames_are_counted_as_they_go_into_the_encoder(play: Play, tmp_path: Path):
    text = (
        "videotestsrc num-buffers=45 ! video/x-raw,width=64,height=64 ! x264enc ! h264parse ! mp4mux"
        " ! filesink name=s location=out.mp4"
    )
    assert play(text).streams[0].frames == 45
    assert play(f"filesrc location={tmp_path}/out.mp4 ! {DECODED} ! fakesink name=s").streams[0].frames == 45


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        (
            "videotestsrc num-buffers=45 ! x264enc tune=zerolatency ! h264parse ! splitmuxsink name=s location=%02d",
            45,
        ),
        ("videotestsrc num-buffers=45 ! ( jpegenc ! avimux ! filesink name=s location=out.avi )", 45),
        ("filesrc location={video} ! parsebin ! splitmuxsink name=s location=part%02d.mp4", 60),
        ("filesrc location={video} ! decodebin ! x264enc ! mp4mux ! filesink name=s location=out.mp4", 60),
        ("filesrc location={video} ! decodebin ! fakesink name=s", 60),
    ],
)
def test_every_frame_counts_however_it_comes_to_its_end(play: Play, video: Path, text: str, frames: int):
    assert play(text.format(video=video)).streams[0].frames == frames


def test_streams_in_one_text_have_figures_of_their_own(play: Play):
    told: list[Any] = []
    ended = play(
        "videotestsrc num-buffers=500 ! fakesink name=fast "
        "videotestsrc num-buffers=20 is-live=true ! video/x-raw,framerate=20/1 ! fakesink name=slow sync=true",
        "fast",
        "slow",
        on_message=told.append,
    )
    fast, slow = ended.streams
    assert (fast.frames, slow.frames) == (500, 20)
    assert slow.fps == pytest.approx(20, rel=0.5)
    assert fast.fps > 2 * slow.fps, "its time ended when its own stream did"
    figures = [each["streams"] for each in told if each["type"] == "fps"]
    assert len(figures) >= 3
    assert all([each["stream"] for each in streams] == [0, 1] for streams in figures)
    assert [each["frames"] for _, each in figures] == sorted(each["frames"] for _, each in figures)


def test_latency_is_told_by_stream(play: Play, video: Path):
    told: list[Any] = []
    slowed = "identity sleep-time=10000"
    ended = play(
        f"filesrc location={video} ! {DECODED} ! fakesink name=a "
        f"filesrc location={video} ! {DECODED} ! {slowed} ! fakesink name=b",
        "a",
        "b",
        latency=True,
        on_message=told.append,
    )
    plain, slow = (stream.latency for stream in ended.streams)
    assert plain is not None
    assert slow is not None
    assert slow.min_ms >= 10
    assert plain.min_ms < slow.min_ms
    assert slow.min_ms <= slow.avg_ms <= slow.max_ms
    assert {each["stream"] for each in told if each["type"] == "latency"} >= {1}


def test_latency_is_measured_up_to_a_sink_that_is_a_bin(play: Play, video: Path):
    ended = play(
        f"filesrc location={video} ! {DECODED} ! x264enc tune=zerolatency ! h264parse"
        " ! splitmuxsink name=s location=part%02d.mp4",
        latency=True,
    )
    assert ended.streams[0].frames == 60
    assert ended.streams[0].latency is not None


def test_a_run_that_is_over_in_time_is_no_failure(play: Play):
    ended = play("videotestsrc is-live=true ! fakesink name=s", max_runtime_s=0.5)
    assert ended.ended == "max_runtime"
    assert 0.4 < ended.run_s < 5


def test_an_element_alone_is_a_pipeline(play: Play):
    with pytest.raises(PipelineFailed, match="no frame moved"):
        play("fakesink name=s", limits=Limits(inactivity_s=0.3, stop_s=0.2))


def test_lines_appended_to_a_file_are_handed_on_whole(play: Play, tmp_path: Path):
    lines = [f'{{"number": {number}}}' for number in range(2_000)]
    (tmp_path / "given").write_text("\n".join([*lines, ""]))
    told: list[Any] = []
    ended = play(
        "filesrc location=given blocksize=7 ! filesink name=s location=records.jsonl buffer-mode=unbuffered",
        records=(Records(3, "records.jsonl"),),
        on_message=told.append,
    )
    assert ended.records == 2_000
    assert [each for each in told if each["type"] == "record"] == [
        {"type": "record", "stream": 3, "json": line} for line in lines
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("videotestsrc ! nosuch ! fakesink name=s", "element 'nosuch' can't be read: no element \"nosuch\""),
        ("videotestsrc bogus=1 ! fakesink name=s", "element 'videotestsrc' can't be read: no property \"bogus\""),
        ("videotestsrc ! ! fakesink name=s", "the pipeline can't be read: syntax error"),
        ("videotestsrc ! fakesink", "element 's' can't be read: no element has this name"),
        ("videotestsrc name=v ! audioconvert ! fakesink name=s", "element 'v' can't be linked"),
        ("filesrc location={video} ! qtdemux name=d ! h264parse ! avdec_h264 ! video/x-raw,width=9 ! fakesink name=s",
         "element 'd' \\(qtdemux\\) can't be linked: .*some pad of GstH264Parse"),
        ("filesrc location={video} ! decodebin ! capsfilter name=c caps=video/x-raw,format=BGR ! fakesink name=s",
         "element 'c' \\(capsfilter\\) can't agree on a format: .*have none in common"),
        ("filesrc location=/dev/zero ! rawvideoparse name=r format=bgr ! x264enc name=e ! filesink name=s location=out",
         "element 'e' \\(x264enc\\) can't agree on a format: .*r and e have none in common"),
        ("filesrc name=f location=/nowhere/x.mp4 ! fakesink name=s",
         "element 'f' \\(filesrc\\) failed: Resource not found.*No such file"),
        ("filesrc location=/dev/null ! qtdemux name=d ! fakesink name=s", "failed: "),
    ],
)  # fmt: skip
def test_a_failure_names_the_phase_and_the_element(play: Play, video: Path, text: str, says: str):
    with pytest.raises(PipelineFailed, match=says):
        play(text.format(video=video))


def test_the_child_is_bound_and_knows_no_secret(play: Play, monkeypatch: pytest.MonkeyPatch):
    for name in ("FRAMELANE_AUTH__KEYS", "REDIS_URL", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "MY_PASSWORD"):
        monkeypatch.setenv(name, "hush")
    seen: list[Any] = []

    def look(message: Any) -> None:
        if message["type"] == "first_frame":
            process = child()
            limits = [
                process.rlimit(each) for each in (psutil.RLIMIT_NOFILE, psutil.RLIMIT_CORE, psutil.RLIMIT_AS)
            ]
            seen.extend([process.cmdline(), process.environ(), limits, os.getpgid(process.pid)])

    def enough() -> None:
        if seen:
            raise JobCancelled

    with pytest.raises(JobCancelled):  # it lives for as long as it is looked at
        play(
            "videotestsrc is-live=true ! fakesink name=s",
            limits=Limits(memory_bytes=2**33, open_files=200),
            on_message=look,
            check=enough,
        )
    words, environment, limits, group = seen
    assert not [word for word in words if "videotestsrc" in word]
    assert "hush" not in environment.values()
    assert "PATH" in environment
    assert limits == [(200, 200), (0, 0), (2**33, 2**33)]
    assert group != os.getpgid(0)
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 2**33


def test_what_can_be_used_is_asked_once():
    found = available()
    assert {"fakesink", "queue", "filesrc"} <= found
    assert "nosuch" not in found
    assert available() is found
