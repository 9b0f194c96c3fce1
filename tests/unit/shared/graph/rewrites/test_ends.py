"""What goes into a pipeline and what comes out of it."""

import pytest

from shared.errors import InvalidSpec
from shared.graph.emitter import emit
from shared.graph.parser import parse
from shared.graph.rewrites.looping import looping
from shared.graph.rewrites.outputs import Nothing, ToFile, with_metadata, with_output
from shared.graph.rewrites.sources import (
    ImageSet,
    NetworkCamera,
    UsbCamera,
    Video,
    redacted,
    with_sources,
)
from tests.support.graphs import PLAIN


def test_the_main_sink_is_the_named_or_the_only_one():
    two = "videotestsrc ! tee name=t ! fakesink t. ! fakesink name=default_output_sink"
    written = emit(with_output(parse(two), ToFile("/x"), "CPU", PLAIN))
    assert written.endswith("mp4mux ! filesink name=default_output_sink location=/x")
    assert written.count("fakesink") == 1
    for text, says in (
        ("videotestsrc ! fakesink videotestsrc ! fakesink", "2 fakesinks"),
        ("videotestsrc ! queue", "no fakesink"),
    ):
        with pytest.raises(InvalidSpec, match=says):
            with_output(parse(text), ToFile("/x"), "CPU", PLAIN)
    speaking = parse("videotestsrc ! gvagenai ! gvametapublish ! fakesink")
    assert with_output(speaking, ToFile("/x"), "CPU", PLAIN) == speaking


def test_nobody_draws_what_nobody_sees():
    text = "videotestsrc ! gvadetect ! gvawatermark ! queue ! fakesink"
    assert emit(with_output(parse(text), Nothing(), "CPU", PLAIN)) == "videotestsrc ! gvadetect ! queue ! fakesink"
    recorded = "videotestsrc ! gvawatermark ! x264enc ! splitmuxsink location=/x"
    assert emit(with_output(parse(recorded), Nothing(), "CPU", PLAIN)) == recorded


def test_records_go_where_the_worker_says():
    text = "videotestsrc ! gvametaconvert ! gvametapublish method=mqtt name=p ! fakesink"
    graph = with_metadata(parse(text), lambda node: f"/s/metadata_{node}.jsonl")
    assert graph.nodes[2].data == {
        "name": "p",
        "method": "file",
        "file-format": "json-lines",
        "file-path": "/s/metadata_2.jsonl",
    }
    assert emit(with_metadata(parse(text), None)) == "videotestsrc ! gvametaconvert ! fakesink"
    with pytest.raises(InvalidSpec, match="gvametapublish"):
        with_metadata(parse("videotestsrc ! fakesink"), str)


SOURCES = {
    "film": Video("/v/my film.mp4"),
    "camera:usb": UsbCamera("/dev/video2"),
    "camera:front": NetworkCamera("rtsp://10.0.0.5/x", "admin", "s3cret"),
    "camera:open": NetworkCamera("rtsp://10.0.0.6/x", latency_ms=40, transport="auto"),
    "parts": ImageSet("/i/p_%03d.png", "png", 40),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("filesrc location=film num-buffers=3", 'filesrc location="/v/my film.mp4" num-buffers=3'),
        ("source kind=video source=film name=in", 'filesrc name=in location="/v/my film.mp4"'),
        ("urisourcebin uri=film buffer-size=1", "urisourcebin uri=file:///v/my%20film.mp4 buffer-size=1"),
        ("source kind=camera source=usb", "v4l2src device=/dev/video2"),
        ("filesrc location=camera:usb num-buffers=3", "v4l2src device=/dev/video2"),
        ("v4l2src device=usb io-mode=2", "v4l2src device=/dev/video2 io-mode=2"),
        ("uridecodebin uri=camera:usb ! queue", "v4l2src device=/dev/video2 ! decodebin3 ! queue"),
        (
            "source kind=camera source=front",
            (
                "rtspsrc location=rtsp://10.0.0.5/x latency=100 protocols=tcp user-id=admin user-pw=s3cret ! "
                "application/x-rtp,media=video"
            ),
        ),
        (
            "uridecodebin3 uri=camera:open name=in",
            "rtspsrc name=in location=rtsp://10.0.0.6/x latency=40 ! application/x-rtp,media=video ! decodebin3",
        ),
        (
            "rtspsrc location=open latency=5 protocols=udp",
            "rtspsrc location=rtsp://10.0.0.6/x latency=5 protocols=udp ! application/x-rtp,media=video",
        ),
        (
            "rtspsrc location=camera:open ! application/x-rtp,media=audio",
            "rtspsrc location=rtsp://10.0.0.6/x latency=40 ! application/x-rtp,media=audio",
        ),
        (
            "multifilesrc location=parts",
            (
                "multifilesrc location=/i/p_%03d.png index=1 start-index=1 stop-index=40 "
                "caps=image/png,framerate=30/1 ! pngdec"
            ),
        ),
    ],
)
def test_sources(text: str, expected: str):
    assert (
        emit(with_sources(parse(f"{text} ! decodebin3 ! fakesink"), SOURCES))
        == f"{expected} ! decodebin3 ! fakesink"
    )


def test_a_camera_with_pads_that_are_named_gives_just_those():
    text = "rtspsrc location=open name=c c.stream_0 ! decodebin3 ! fakesink c.stream_1 ! decodebin3 ! fakesink"
    written = emit(with_sources(parse(text), SOURCES))
    assert "application/x-rtp" not in written
    assert "c.stream_1" in written


@pytest.mark.parametrize("source", ["filesrc location=camera:front", "filesrc location=parts"])
def test_no_demuxer_takes_a_camera_or_images(source: str):
    with pytest.raises(InvalidSpec) as refused:
        with_sources(parse(f"{source} ! qtdemux ! fakesink"), SOURCES)
    ((pointer, says),) = refused.value.broken
    assert (pointer, "decodebin3" in says) == ("/nodes/0/data/location", True)


def test_unknown_sources_are_told():
    with pytest.raises(InvalidSpec) as refused:
        with_sources(
            parse("filesrc location=nope ! fakesink filesrc ! fakesink source source=x ! fakesink"), SOURCES
        )
    assert refused.value.broken == (
        ("/nodes/0/data/location", "there is no medium or camera 'nope'"),
        ("/nodes/2/data/location", "name a medium or camera"),
        ("/nodes/4/data/source", "there is no medium or camera 'x'"),
    )
    with pytest.raises(InvalidSpec, match="gif"):
        with_sources(parse("filesrc location=g ! fakesink"), {"g": ImageSet("/x", "gif", 1)})


def test_logins_are_starred():
    graph = with_sources(parse("source source=camera:front ! fakesink"), SOURCES)
    assert "s3cret" in emit(graph)
    assert "s3cret" not in emit(redacted(graph))
    assert "admin" not in emit(redacted(graph))


def test_files_are_looped():
    text = "filesrc location=/v/a.mp4 ! qtdemux name=d ! h264parse ! splitmuxsink location=/o/x_%05d.mp4"
    assert emit(looping(parse(text), {"/v/a.mp4": "/v/a.ts"})) == (
        "multifilesrc location=/v/a.ts loop=true ! tsdemux name=d ! h264parse ! "
        "splitmuxsink location=/o/x_%05d.mp4 max-size-time=10000000000 max-files=100"
    )
    with pytest.raises(InvalidSpec, match="no copy"):
        looping(parse(text), {})
    with pytest.raises(InvalidSpec, match="live"):
        looping(parse("rtspsrc location=x ! fakesink"), {})
