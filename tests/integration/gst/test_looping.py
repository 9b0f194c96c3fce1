"""Files that are played again and again."""

from pathlib import Path

import pytest

from shared.errors import PipelineFailed
from shared.graph.emitter import emit
from shared.graph.parser import parse
from shared.graph.rewrites.looping import looping
from tests.integration.gst.conftest import Play
from workers.gst.transport import transport_stream

DECODED = "qtdemux ! h264parse ! avdec_h264"
CLIP = 15
READ = f"filesrc location=out.mp4 ! {DECODED} ! fakesink name=s"


@pytest.mark.parametrize("before", [DECODED, "decodebin", "qtdemux ! queue ! h264parse ! avdec_h264 ! queue"])
def test_a_file_begins_again_at_its_end(play: Play, clip: Path, before: str):
    ended = play(f"filesrc location={clip} ! {before} ! fakesink name=s", max_runtime_s=1.0, loop=True)
    assert ended.ended == "max_runtime"
    assert ended.streams[0].frames > 2 * CLIP
    assert ended.run_s < 30


@pytest.mark.parametrize(
    ("packed", "decoded"),
    [
        ("vp8enc deadline=1 ! webmmux", "matroskademux ! vp8dec"),
        ("jpegenc ! avimux", "avidemux ! jpegdec"),
        ("x264enc ! video/x-h264,stream-format=byte-stream", "h264parse ! avdec_h264"),
    ],
)
def test_other_codecs_and_containers_do_too(play: Play, packed: str, decoded: str):
    play(f"videotestsrc num-buffers=20 ! video/x-raw,width=64,height=64 ! {packed} ! filesink name=s location=in")
    ended = play(f"filesrc location=in ! {decoded} ! fakesink name=s", max_runtime_s=0.5, loop=True)
    assert ended.ended == "max_runtime"
    assert ended.streams[0].frames > 2 * 20


def test_a_source_that_cannot_seek_so_says_it(play: Play, video: Path, tmp_path: Path):
    copy = transport_stream(video, tmp_path / "copy.ts")
    with pytest.raises(PipelineFailed, match="can't begin again"):
        play(
            f"filesrc location={copy} ! tsdemux ! h264parse ! avdec_h264 ! fakesink name=s",
            max_runtime_s=1,
            loop=True,
        )


def test_there_is_no_gap_between_end_and_beginning(play: Play, video: Path):
    ended = play(f"filesrc location={video} ! {DECODED} ! fakesink name=s sync=true", max_runtime_s=4.5, loop=True)
    assert ended.streams[0].fps == pytest.approx(30, rel=0.1), "at its own pace, again and again"


def test_what_is_repeated_can_be_recorded(play: Play, clip: Path):
    text = f"filesrc location={clip} ! {DECODED} ! x264enc speed-preset=ultrafast ! mp4mux ! filesink name=s location=out.mp4"
    recorded = play(text, max_runtime_s=1.0, loop=True).streams[0].frames
    assert recorded > 2 * CLIP
    assert play(READ).streams[0].frames == recorded


def test_streams_begin_again_each_by_itself(play: Play, clip: Path):
    slow = "identity sleep-time=20000"
    ended = play(
        f"filesrc location={clip} ! {DECODED} ! fakesink name=a "
        f"filesrc location={clip} ! {DECODED} ! {slow} ! fakesink name=b",
        "a",
        "b",
        max_runtime_s=1.5,
        loop=True,
    )
    fast, slowed = ended.streams
    assert slowed.frames > CLIP
    assert fast.frames > 2 * slowed.frames


def test_a_live_source_cannot_begin_again(play: Play):
    with pytest.raises(PipelineFailed, match="live"):
        play("videotestsrc is-live=true ! fakesink name=s", max_runtime_s=1.0, loop=True)


def test_a_transport_stream_can_be_appended_to_itself(play: Play, video: Path, tmp_path: Path):
    copy = transport_stream(video, tmp_path / "a copy.ts")
    assert (
        play(f'filesrc location="{copy}" ! tsdemux ! h264parse ! avdec_h264 ! fakesink name=s').streams[0].frames
        == 60
    )
    text = emit(looping(parse(f"filesrc location={video} ! {DECODED} ! fakesink name=s"), {str(video): str(copy)}))
    ended = play(text, max_runtime_s=1.0)
    assert ended.ended == "max_runtime"
    assert ended.streams[0].frames > 2 * 60


def test_what_holds_no_such_video_leaves_no_copy(tmp_path: Path):
    (tmp_path / "words").write_text("no video at all")
    for codec in (None, "h265", "vp9"):
        with pytest.raises(PipelineFailed):
            transport_stream(tmp_path / "words", tmp_path / "copy.ts", codec)
    assert not (tmp_path / "copy.ts").exists()
