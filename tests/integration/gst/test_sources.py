"""Image sets and cameras, from the source that names them to frames."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.errors import InputUnreadable
from shared.graph.emitter import emit
from shared.graph.model import Graph
from shared.graph.parser import parse
from shared.graph.rewrites.codecs import decoding
from shared.graph.rewrites.live import newest_first
from shared.graph.rewrites.looping import repeating_images
from shared.graph.rewrites.sources import RAW, NetworkCamera, with_sources
from tests.integration.gst.conftest import Play
from tests.support.polling import eventually
from tests.support.rtsp import needs_rtsp_server, rtsp_server
from workers.gst.available import available
from workers.handlers.pipeline_sources import image_set

TEXT = "source kind=image_set source=walk ! decodebin3 ! queue ! fakesink name=s"


def photos(folder: Path, names: str, count: int = 7, first: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        cv2.imwrite(str(folder / names.format(number)), np.full((48, 64, 3), number % 250, np.uint8))
    return folder


def shown(folder: Path, text: str = TEXT) -> Graph:
    images = image_set(folder)
    graph = with_sources(parse(text), {"walk": images})
    return decoding(graph, {images.pattern: RAW}, "CPU", available())


@pytest.mark.parametrize(
    ("names", "first"), [("walk_{:03d}.jpg", 1), ("{:02d}.png", 0), ("100% {:04d}.jpeg", 37), ("a{:d}.png", 1)]
)
def test_an_image_set_is_played_once(play: Play, tmp_path: Path, names: str, first: int):
    ended = play(emit(shown(photos(tmp_path / "set", names, first=first))))
    assert (ended.ended, ended.streams[0].frames, ended.warnings) == ("eos", 7, [])


def test_an_image_set_becomes_a_video_of_its_own_speed(play: Play, tmp_path: Path):
    folder = photos(tmp_path / "set", "{:03d}.png")
    end = "decodebin3 ! x264enc ! h264parse ! mp4mux ! filesink name=s location=out.mp4"
    assert play(emit(shown(folder, f"filesrc location=walk ! {end}"))).streams[0].frames == 7
    video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(30)
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 7


def test_an_image_set_is_repeated_until_the_time_is_over(play: Play, tmp_path: Path):
    graph = repeating_images(
        shown(
            photos(tmp_path / "set", "{:03d}.jpg"),
            TEXT.replace("queue ! fakesink name=s", "fakesink name=s sync=true"),
        )
    )
    ended = play(emit(graph), max_runtime_s=1.0)
    assert ended.ended == "max_runtime"
    assert 15 < ended.streams[0].frames < 45, "time goes on at 30 frames a second"


def test_what_is_no_image_set(tmp_path: Path):
    gap = photos(tmp_path / "gap", "{:03d}.jpg", count=3)
    (gap / "002.jpg").unlink()
    mixed = photos(photos(tmp_path / "mixed", "{:03d}.jpg"), "{:03d}.png", first=8)
    (tmp_path / "empty").mkdir()
    for folder in (gap, mixed, tmp_path / "empty"):
        with pytest.raises(InputUnreadable, match=folder.name):
            image_set(folder)


@needs_rtsp_server()
def test_a_camera_gives_its_picture_not_its_sound(play: Play):
    with rtsp_server() as server:
        camera = {"camera:yard": NetworkCamera(server.url("/cam"))}
        for text in (
            "rtspsrc location=yard ! decodebin3 ! videoconvert ! fakesink name=s",
            "filesrc location=camera:yard ! parsebin ! h264parse ! avdec_h264 ! fakesink name=s",
            "uridecodebin uri=camera:yard ! videoconvert ! fakesink name=s",
        ):
            graph = newest_first(with_sources(parse(text), camera))
            ended = play(emit(graph), max_runtime_s=1.2)
            assert (ended.ended, ended.warnings) == ("max_runtime", []), text
            assert ended.streams[0].frames > 2, text


@needs_rtsp_server()
def test_a_camera_whose_codec_is_known_gets_a_decoder(play: Play):
    with rtsp_server() as server:
        url = server.url("/cam")
        graph = with_sources(
            parse("rtspsrc location=yard ! decodebin3 ! fakesink name=s"), {"camera:yard": NetworkCamera(url)}
        )
        text = emit(decoding(graph, {url: "h264"}, "CPU", available()))
        assert "avdec_h264" in text
        assert play(text, max_runtime_s=1.0).streams[0].frames > 2


@needs_rtsp_server()
def test_a_camera_that_goes_away_ends_the_run(play: Play):
    with rtsp_server() as server:
        graph = with_sources(
            parse("rtspsrc location=yard ! decodebin3 ! fakesink name=s"),
            {"camera:yard": NetworkCamera(server.url("/cam"))},
        )

        def leave(message: object) -> None:
            if isinstance(message, dict) and message["type"] == "first_frame":
                server.die()

        ended = play(emit(graph), max_runtime_s=20.0, on_message=leave)
    assert ended.ended == "eos"
    (warning,) = ended.warnings
    assert "rtspsrc" in warning
    assert ended.streams[0].frames < 100


@needs_rtsp_server()
def test_published_streams_end_in_time_and_whole(play: Play, tmp_path: Path):
    texts: list[str] = []
    with rtsp_server() as server:
        for number in range(6):
            server.record(f"/out{number}", tmp_path / f"{number}.ts")
            texts.append(
                f"videotestsrc num-buffers=30 ! video/x-raw,width=64,height=48,framerate=30/1 ! openh264enc ! h264parse !"
                f" rtspclientsink name=s{number} protocols=tcp location={server.url(f'/out{number}')}"
            )
        ended = play(" ".join(texts), *(f"s{number}" for number in range(6)))
        assert [each.frames for each in ended.streams] == [30] * 6
        assert 0.9 < ended.run_s < 2.5, "as fast as it was filmed, and no longer"
        for number in range(6):
            path = str(tmp_path / f"{number}.ts")
            assert eventually(lambda path=path: cv2.VideoCapture(path).read()[0])
