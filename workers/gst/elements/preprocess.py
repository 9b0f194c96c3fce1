"""From a frame, or a part of it, to a model's input. With OpenCV if it is installed, else in numpy."""

from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from workers.gst.elements.frame import Array, Box
from workers.gst.elements.modelproc import Recipe


@cache
def opencv() -> ModuleType | None:
    """OpenCV, if it is installed."""
    try:
        import cv2
    except ImportError:
        return None
    cv2.setNumThreads(1)
    return cv2


_cv2 = opencv()


@dataclass(frozen=True, slots=True)
class Layout:
    """How a frame lies in memory: GStreamer's format, size, and stride and offset of each plane, in bytes."""

    format: str
    width: int
    height: int
    strides: tuple[int, ...]
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """Where the picture came to lie in the model's input, in fractions of it."""

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def back(self, box: Box) -> Box:
        """From fractions of the input to fractions of the picture."""
        return Box(
            (box.x_min - self.x) / self.width,
            (box.y_min - self.y) / self.height,
            (box.x_max - self.x) / self.width,
            (box.y_max - self.y) / self.height,
        )


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


def resized(image: Array, width: int, height: int) -> Array:
    """Bilinear, pixel centres aligned, as OpenCV's INTER_LINEAR."""
    if image.shape[:2] == (height, width):
        return image
    if _cv2 is not None:
        turned = image.strides[2] < 0
        plain = _cv2.resize(image[:, :, ::-1] if turned else image, (width, height))
        return plain[:, :, ::-1] if turned else plain
    return bilinear(image, width, height)


def bilinear(image: Array, width: int, height: int) -> Array:
    """The same in numpy; may differ from OpenCV's fixed-point sums by 1."""
    top, bottom, down = _steps(image.shape[0], height)
    left, right, across = _steps(image.shape[1], width)
    across, down = across[None, :, None], down[:, None, None]
    upper = image[top][:, left] * (1 - across) + image[top][:, right] * across
    lower = image[bottom][:, left] * (1 - across) + image[bottom][:, right] * across
    return (upper * (1 - down) + lower * down + 0.5).astype(np.uint8)


def _steps(old: int, new: int) -> tuple[Array, Array, Array]:
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    low = places.astype(int)
    return low, np.minimum(low + 1, old - 1), (places - low).astype(np.float32)


def placed(target: Array, image: Array, recipe: Recipe) -> Fit:
    """Put ``image`` into ``target``, the model's input: stretched, letterboxed or cropped to its shape."""
    height, width = target.shape[:2]
    tall, wide = image.shape[:2]
    if recipe.resize == "stretch":
        _resized_into(target, image)
        return Fit()
    ratios = (width / wide, height / tall)
    ratio = max(ratios) if recipe.resize == "crop" else min(ratios)
    inner_w, inner_h = max(round(wide * ratio), 1), max(round(tall * ratio), 1)
    corner = recipe.resize == "letterbox_corner"
    x, y = (0, 0) if corner else ((width - inner_w) // 2, (height - inner_h) // 2)
    if recipe.resize == "crop":
        target[:] = resized(image, inner_w, inner_h)[-y : height - y, -x : width - x]
    else:
        target[:] = round(recipe.pad)
        target[y : y + inner_h, x : x + inner_w] = resized(image, inner_w, inner_h)
    return Fit(x / width, y / height, inner_w / width, inner_h / height)


def _resized_into(target: Array, image: Array) -> None:
    height, width = target.shape[:2]
    if _cv2 is not None and image.strides[2] > 0 and image.shape[:2] != (height, width):
        _cv2.resize(image, (width, height), dst=target)
    else:
        target[:] = resized(image, width, height)


def part(image: Array, box: Box) -> Array | None:
    """The pixels under a box, None if there are none."""
    height, width = image.shape[:2]
    x, y, w, h = box.clipped().pixels(width, height)
    cut = image[y : y + h, x : x + w]
    return cut if cut.size else None
