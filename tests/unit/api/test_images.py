"""The header check says what a real decoder says, and nothing surprises it."""

import io
import struct
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from api.images import image_check, image_size
from shared.settings import LimitSettings

SIZES = st.tuples(st.integers(1, 400), st.integers(1, 400))
WAYS = st.sampled_from(
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True, "quality": 95, "subsampling": 0}),
        ("JPEG", "L", {"comment": b"\xff\xd9 not the end"}),
        ("JPEG", "CMYK", {"dpi": (300, 300)}),
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("PNG", "LA", {"optimize": True}),
        ("PNG", "1", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"quality": 50}),
        ("WEBP", "RGB", {"exif": b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00"}),
    ]
)


def drawn(way: tuple[str, str, dict[str, object]], size: tuple[int, int]) -> bytes:
    kind, mode, options = way
    content = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(content, kind, **options)
    return content.getvalue()


@given(WAYS, SIZES)
def test_size_is_the_one_a_decoder_finds(way: tuple[str, str, dict[str, object]], size: tuple[int, int]) -> None:
    assert image_size(drawn(way, size)) == size


@given(WAYS, SIZES, st.data())
def test_cut_image_is_refused(
    way: tuple[str, str, dict[str, object]], size: tuple[int, int], data: st.DataObject
) -> None:
    image = drawn(way, size)
    kept = data.draw(st.integers(0, len(image) - 2))
    with pytest.raises(ValueError, match=r"image"):
        image_size(image[:kept])


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\x20\0\0\0WEBP"]),
)
def test_any_bytes_are_answered(content: bytes, start: bytes) -> None:
    try:
        width, height = image_size(start + content)
    except ValueError:
        return
    assert width > 0
    assert height > 0


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "PPM", "ICO"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="not a JPEG, PNG or WebP"):
        image_size(drawn((kind, "RGB", {}), (32, 32)))


def test_animation_is_refused() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = io.BytesIO()
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="animated"):
        image_size(content.getvalue())


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCF])
def test_odd_jpeg_is_refused(marker: int) -> None:
    image = drawn(("JPEG", "RGB", {}), (8, 8)).replace(b"\xff\xc0", bytes((0xFF, marker)))
    with pytest.raises(ValueError, match="isn't taken"):
        image_size(image)


def test_jpeg_of_twelve_bits_is_refused() -> None:
    image = drawn(("JPEG", "RGB", {}), (8, 8)).replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c")
    with pytest.raises(ValueError, match="8 bits"):
        image_size(image)


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_png_without_pixels_is_refused(size: tuple[int, int]) -> None:
    image = bytearray(drawn(("PNG", "RGB", {}), (8, 8)))
    image[16:24] = struct.pack(">II", *size)
    with pytest.raises(ValueError, match="header is broken"):
        image_size(bytes(image))


@pytest.mark.parametrize(
    "filler",
    [b"\xff\xe0\x00\x02" * 5_000_000, b"\xff" * 20_000_000, b"\xff\x01" * 10_000_000],
    ids=["empty segments", "fill bytes", "bare markers"],
)
def test_endless_jpeg_header_costs_no_time(filler: bytes) -> None:
    begun = time.thread_time()
    with pytest.raises(ValueError, match="broken"):
        image_size(b"\xff\xd8\xff\xe0\x00\x02" + filler)
    assert time.thread_time() - begun < 0.5, "a look at each byte takes seconds"


def test_check_needs_no_memory() -> None:
    image = drawn(("PNG", "RGB", {}), (1500, 1500))
    check = image_check(LimitSettings())
    tracemalloc.start()
    check(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_limits_are_exact() -> None:
    image = drawn(("PNG", "RGB", {}), (20, 10))
    image_check(LimitSettings(image_pixels=200, image_bytes=len(image)))(image)
    with pytest.raises(ValueError, match="20 x 10 pixels; at most 199"):
        image_check(LimitSettings(image_pixels=199))(image)
    with pytest.raises(ValueError, match=f"at most {len(image) - 1}"):
        image_check(LimitSettings(image_bytes=len(image) - 1))(image)
    with pytest.raises(ValueError, match="empty"):
        image_check(LimitSettings())(b"")
