"""Boxes and their labels on a picture, in place, in the formats frames have. Without OpenCV, boxes only."""

from collections.abc import Callable, Sequence

from numpy.lib.stride_tricks import as_strided

from workers.gst.elements.frame import Frame, Region
from workers.gst.elements.pictures import Layout, packed, plane
from workers.networks.placing import opencv
from workers.networks.shapes import Array

Colour = tuple[int, int, int]

PALETTE: tuple[Colour, ...] = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
    (255, 170, 0), (255, 0, 170), (0, 255, 170), (170, 255, 0), (170, 0, 255), (0, 170, 255),
)  # fmt: skip
"""Red, green, blue."""


def draw(data: Array, layout: Layout, frame: Frame) -> None:
    """Everything known of the frame that can be seen."""
    thickness = max(round(layout.height / 360), 1)
    for number, region in enumerate(frame.regions):
        colour = PALETTE[(region.object_id or region.label_id or number) % len(PALETTE)]
        x, y, w, h = region.box.pixels(layout.width, layout.height)
        for image, shade, shift in planes(data, layout, colour):
            outline(image, (x >> shift, y >> shift, w >> shift, h >> shift), shade, max(thickness >> shift, 1))
        text = caption(region)
        write(data, layout, text, (x, max(y - 5, 12)), colour)
    whole = " ".join(one.label for one in frame.tensors if one.label)
    write(data, layout, whole, (5, 20), PALETTE[0])


def caption(region: Region) -> str:
    """``id: label 87% attributes``, without what isn't known."""
    sure = "" if region.confidence is None or not region.label else f"{round(region.confidence * 100)}%"
    number = "" if not region.object_id else f"{region.object_id}:"
    words = [number, region.label, sure, *(one.label or "" for one in region.tensors)]
    return " ".join(filter(None, words))


def planes(data: Array, layout: Layout, colour: Colour) -> list[tuple[Array, tuple[int, ...], int]]:
    """Pictures to draw on, the colour in each, and by how many bits it is smaller than the frame."""
    red, green, blue = colour
    if layout.format not in {"NV12", "I420"}:
        values = (red, green, blue) if layout.format.startswith("RGB") else (blue, green, red)
        image = packed(data, layout)
        return [(image, values if image.shape[2] == 3 else (*values, 255), 0)]  # noqa: PLR2004 - without alpha
    luma, u, v = yuv(colour)
    if layout.format == "NV12":
        chroma = plane(data, layout, 1)
        pairs = as_strided(chroma, (chroma.shape[0], chroma.shape[1] // 2, 2), (chroma.strides[0], 2, 1))
        return [(plane(data, layout, 0)[:, :, None], (luma,), 0), (pairs, (u, v), 1)]
    return [(plane(data, layout, n)[:, :, None], (value,), int(n > 0)) for n, value in enumerate((luma, u, v))]


def yuv(colour: Colour) -> tuple[int, int, int]:
    """BT.601, limited range."""
    red, green, blue = colour
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


def outline(image: Array, place: tuple[int, int, int, int], shade: Sequence[int], thickness: int) -> None:
    """A rectangle's border, inwards; what is outside of the picture isn't drawn."""
    x, y, w, h = place
    right, bottom = x + w, y + h
    image[y : y + thickness, x:right] = shade
    image[max(bottom - thickness, y) : bottom, x:right] = shade
    image[y:bottom, x : x + thickness] = shade
    image[y:bottom, max(right - thickness, x) : right] = shade


def write(data: Array, layout: Layout, text: str, place: tuple[int, int], colour: Colour) -> None:
    """From its lower left corner on; on YUV frames only as bright or dark."""
    cv2 = opencv()
    if not text or cv2 is None:
        return
    image, shade, _ = planes(data, layout, colour)[0]
    put: Callable[..., object] = cv2.putText
    size = max(layout.height / 720, 0.4)
    put(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, shade, max(round(layout.height / 500), 1), cv2.LINE_AA)
