"""What is in a video: its headers, the number of its frames, and whether the first and the last can be decoded."""

from pathlib import Path

import cv2
import numpy as np

from workers.looking import Limits, Refusal, Seen
from workers.looking.containers import container_of, is_cut_off, suffix_of
from workers.looking.thumbnails import Pixels, save_thumbnail

_CODECS = {
    "h264": ("avc1", "avc3", "h264", "x264"),
    "h265": ("hev1", "hvc1", "hevc", "h265"),
    "mjpeg": ("mjpg", "jpeg"),
    "mpeg4": ("mp4v", "fmp4", "xvid", "divx"),
    "vp8": ("vp80", "vp08"),
    "vp9": ("vp90", "vp09"),
    "av1": ("av01",),
}
_COUNTED = frozenset({"mp4", "mov", "avi"})
"""Containers that say how many frames there are; of others that is reckoned from their duration."""

_EBML = frozenset({"matroska", "webm"})
_SEEKABLE = _COUNTED | _EBML
_SLACK = 0.02
_RECKONED_SLACK = 0.5
_TAIL = 3
_STEPS = 250
"""Most frames between two that can be understood by themselves, near enough."""


def look_at_video(path: Path, thumbnail: Path, limits: Limits) -> Seen:
    """Raises Refusal for what isn't such a video, or says of itself what isn't so."""
    container = container_of(path)
    if limits.containers is not None and container not in limits.containers:
        found = f"this is {container}" if container else "this is no video of a kind known here"
        raise Refusal("unsupported-container", f"{found}; taken are {_listed(limits.containers)}")
    seen = _headers(path, container)
    if limits.codecs is not None and seen.codec not in limits.codecs:
        found = seen.codec or "unknown"
        raise Refusal("unsupported-codec", f"its codec is {found}; taken are {_listed(limits.codecs)}")
    if seen.width * seen.height > limits.pixels:
        msg = f"it says it has {seen.width} x {seen.height} pixels; at most {limits.pixels} are taken"
        raise Refusal("invalid-video", msg)
    _decode(path, seen, thumbnail, limits)
    return seen


def _headers(path: Path, container: str) -> Seen:
    """With its packets counted; nothing is decoded for that."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    if not video.isOpened():
        raise Refusal("invalid-video", "its headers can't be read; was it cut off?")
    said = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    number = int(video.get(cv2.CAP_PROP_FOURCC))
    codec = _codec(number.to_bytes(4, "little", signed=number < 0).decode("latin-1"))
    frames = 0
    while video.grab():
        frames += 1
    slack = _SLACK if container in _COUNTED else _RECKONED_SLACK
    if container in _EBML and is_cut_off(path):
        raise Refusal("invalid-video", "its header says it is longer; was it cut off?")
    if frames + 1 < said * (1 - slack):
        raise Refusal("invalid-video", f"its header says {said} frames, {frames} are there; was it cut off?")
    return Seen(
        container=container,
        codec=codec,
        suffix=suffix_of(container, codec),
        width=int(video.get(cv2.CAP_PROP_FRAME_WIDTH)),
        height=int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        fps=round(max(video.get(cv2.CAP_PROP_FPS), 0.0), 3),
        frames=frames,
    )


def _decode(path: Path, seen: Seen, thumbnail: Path, limits: Limits) -> None:
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    first = _frame(video, "first")
    height, width = first.shape[:2]
    if (width, height) != (seen.width, seen.height):
        msg = f"its header says {seen.width} x {seen.height} pixels, its frames have {width} x {height}"
        raise Refusal("invalid-video", msg)
    if width * height > limits.pixels:
        raise Refusal("invalid-video", f"its frames have more than {limits.pixels} pixels")
    shown = first
    if seen.container in _SEEKABLE and seen.frames > _TAIL:
        video.set(cv2.CAP_PROP_POS_FRAMES, seen.frames // 10)
        shown = _frame(video, "early")
        video.set(cv2.CAP_PROP_POS_FRAMES, seen.frames - _TAIL)
        _frame(video, "last")
    save_thumbnail(shown, thumbnail)


def _frame(video: cv2.VideoCapture, which: str) -> Pixels:
    for _ in range(_STEPS):
        read, frame = video.read()
        if read:
            return np.asarray(frame, np.uint8)
        if which != "first":
            break
    raise Refusal("invalid-video", f"its {which} frames can't be decoded")


def _codec(fourcc: str) -> str:
    found = fourcc.lower()
    return next((name for name, codes in _CODECS.items() if found in codes), found.strip("\0 "))


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
