"""What is seen in videos, and in files that only say that they are."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.media import make_video
from workers.looking import Limits, Refusal
from workers.looking.containers import container_of
from workers.looking.videos import look_at_video

LIMITS = Limits(pixels=10_000, cpu_s=60, memory_bytes=1 << 32)


def film(path: Path, fourcc: str = "mp4v", frames: int = 30) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), 10, (64, 48))
    noise = np.random.default_rng(frames)
    for _ in range(frames):
        writer.write(noise.integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("name", "fourcc", "container", "codec", "suffix"),
    [
        ("a.mp4", "mp4v", "mp4", "mpeg4", ".mp4"),
        ("a.mov", "mp4v", "mov", "mpeg4", ".mov"),
        ("a.mkv", "mp4v", "matroska", "mpeg4", ".mkv"),
        ("a.avi", "MJPG", "avi", "mjpeg", ".avi"),
        ("a.ts", "mp4v", "mpegts", "mpeg4", ".ts"),
        ("a.webm", "VP80", "webm", "vp8", ".webm"),
    ],
)
def test_what_is_in_a_video(tmp_path: Path, name: str, fourcc: str, container: str, codec: str, suffix: str):
    seen = look_at_video(film(tmp_path / name, fourcc), tmp_path / "t.jpg", LIMITS)

    assert (seen.container, seen.codec, seen.suffix) == (container, codec, suffix)
    assert (seen.width, seen.height, seen.fps, seen.frames, seen.duration_s) == (64, 48, 10.0, 30, 3.0)
    thumbnail = cv2.imread(str(tmp_path / "t.jpg"))
    assert thumbnail is not None
    assert thumbnail.shape == (48, 64, 3)


def test_raw_streams_are_known_by_their_parameters(tmp_path: Path):
    for head, container in (
        (b"\0\0\0\1\x67\x42\xc0\x1e", "raw"),
        (b"\0\0\1\x40\x01\x0c", "raw"),
        (b"\0\0\1\xba", ""),
        (b"#EXTM3U\nfile:///etc/passwd", ""),
        (b"ffconcat version 1.0\nfile /etc/passwd", ""),
        (b"G" * 100, ""),
        (b"", ""),
    ):
        path = tmp_path / "x"
        path.write_bytes(head)
        assert container_of(path) == container, head


def refused(path: Path, **limits: object) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        look_at_video(path, path.with_name("t.jpg"), LIMITS.model_copy(update=limits))
    return caught.value.code, str(caught.value)


def test_containers_codecs_and_sizes_that_are_not_taken(tmp_path: Path):
    video = make_video(tmp_path / "a.mp4")

    assert refused(video, containers=frozenset({"matroska"})) == (
        "unsupported-container",
        "this is mp4; taken are matroska",
    )
    assert refused(video, codecs=frozenset({"h264"})) == (
        "unsupported-codec",
        "its codec is mpeg4; taken are h264",
    )
    assert refused(video, pixels=100)[0] == "invalid-video"
    text = tmp_path / "text.mp4"
    text.write_text("#EXTM3U\nhttp://169.254.169.254/latest\n")
    assert refused(text, containers=frozenset({"mp4"}))[0] == "unsupported-container"
    assert refused(text)[0] == "invalid-video"


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_a_video_that_was_cut_off(tmp_path: Path, name: str):
    path = film(tmp_path / name, "MJPG" if name.endswith("avi") else "mp4v", frames=60)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])

    code, says = refused(path)
    assert code == "invalid-video"
    assert "cut off" in says


def test_a_header_that_says_more_frames_than_there_are(tmp_path: Path):
    path = film(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    # stsz: version and flags, the size of all samples or 0, their number, and then each one's size.
    at = content.index(b"stsz") + 12
    assert struct.unpack_from(">I", content, at) == (30,)
    sizes = struct.unpack_from(">30I", content, at + 4)
    struct.pack_into(">30I", content, at + 4, *sizes[:10], *([1 << 24] * 20))
    path.write_bytes(content)

    code, says = refused(path)
    assert code == "invalid-video"
    assert "30 frames" in says or "decoded" in says


def test_a_header_that_says_another_size_is_not_believed(tmp_path: Path):
    path = film(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    at = content.index(b"stsd") + 44
    assert struct.unpack_from(">HH", content, at) == (64, 48)
    struct.pack_into(">HH", content, at, 1920, 1080)
    path.write_bytes(content)

    seen = look_at_video(path, tmp_path / "t.jpg", LIMITS)
    assert (seen.width, seen.height) == (64, 48)


def test_a_video_of_noise(tmp_path: Path):
    path = film(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    begin, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[begin:end] = np.random.default_rng(1).bytes(end - begin)
    path.write_bytes(content)

    assert refused(path)[0] == "invalid-video"
