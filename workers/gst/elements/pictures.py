"""Frames as pictures: GStreamer's raw formats as arrays. With OpenCV if it is installed, else in numpy."""

from dataclasses import dataclass

import numpy as np

from workers.networks.placing import opencv
from workers.networks.shapes import Array

_cv2 = opencv()


@dataclass(frozen=True, slots=True)
class Layout:
    """How a frame lies in memory: GStreamer's format, size, and stride and offset of each plane, in bytes."""

    format: str
    width: int
    height: int
    strides: tuple[int, ...]
    offsets: tuple[int, ...]


def packed(data: Array, layout: Layout) -> Array:
    """``[height, width, 3 or 4]`` view of a packed RGB format."""
    channels = 3 if layout.format in {"BGR", "RGB"} else 4
    return np.ndarray(
        (layout.height, layout.width, channels),
        np.uint8,
        data,
        layout.offsets[0],
        (layout.strides[0], channels, 1),
    )


def plane(data: Array, layout: Layout, number: int) -> Array:
    """``[height, bytes of a line]`` view of a plane of a YUV format."""
    half = 0 if number == 0 else 1
    lines = (layout.height + half) >> half
    line = layout.width if number == 0 else (layout.width + 1) // 2 * (2 if layout.format == "NV12" else 1)
    return np.ndarray((lines, line), np.uint8, data, layout.offsets[number], (layout.strides[number], 1))


def picture(data: Array, layout: Layout, *, rgb: bool) -> Array:
    """``[height, width, 3]`` as BGR or RGB. A view if nothing had to be converted."""
    if layout.format in {"NV12", "I420"}:
        bgr = _from_yuv(data, layout)
        return bgr[:, :, ::-1] if rgb else bgr
    pixels = packed(data, layout)[:, :, :3]
    return pixels if layout.format.startswith("RGB") == rgb else pixels[:, :, ::-1]


def _from_yuv(data: Array, layout: Layout) -> Array:
    luma = plane(data, layout, 0)
    chroma = plane(data, layout, 1)
    u, v = (chroma[:, 0::2], chroma[:, 1::2]) if layout.format == "NV12" else (chroma, plane(data, layout, 2))
    if _cv2 is not None and layout.width % 2 == 0 and layout.height % 2 == 0:
        if layout.format == "NV12":
            pairs = np.ascontiguousarray(chroma).reshape(layout.height // 2, layout.width // 2, 2)
            return _cv2.cvtColorTwoPlane(luma, pairs, _cv2.COLOR_YUV2BGR_NV12)
        whole = np.concatenate([luma.ravel(), u.ravel(), v.ravel()]).reshape(-1, layout.width)
        return _cv2.cvtColor(whole, _cv2.COLOR_YUV2BGR_I420)
    return _bt601(luma, u, v)


def _bt601(luma: Array, u: Array, v: Array) -> Array:
    height, width = luma.shape
    y = 1.164 * (luma.astype(np.float32) - 16)
    u, v = (one.repeat(2, 0).repeat(2, 1)[:height, :width].astype(np.float32) - 128 for one in (u, v))
    channels = [y + 2.018 * u, y - 0.391 * u - 0.813 * v, y + 1.596 * v]
    return np.clip(np.stack(channels, axis=-1) + 0.5, 0, 255).astype(np.uint8)
