"""From a picture, or a part of it, to a network's input. With OpenCV if it is installed, else in numpy."""

from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from workers.networks.recipe import Recipe
from workers.networks.shapes import Array, Box


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

    def back_points(self, points: Array) -> Array:
        """The same for ``[K, 2]`` points, or more columns of which the first two are x and y."""
        moved = np.array(points, np.float32)
        moved[:, 0] = (moved[:, 0] - self.x) / self.width
        moved[:, 1] = (moved[:, 1] - self.y) / self.height
        return moved


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
