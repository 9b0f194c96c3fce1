"""Photos in the forms clients send them."""

import cv2
import numpy as np
import pytest
from PIL import Image

from shared.errors import InputUnreadable
from workers.vision.images import Pixels, decode, flipped, to_jpeg

_RED, _BLUE = (220, 30, 30), (30, 30, 220)


def _halves() -> Pixels:
    """Red on the left, blue on the right."""
    image = np.empty((40, 60, 3), np.uint8)
    image[:, :30], image[:, 30:] = _RED, _BLUE
    return image


def _saved(image: Pixels, kind: str, path: object, **options: object) -> bytes:
    Image.fromarray(image).save(path, kind, **options)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})]
)
def test_colours_are_red_green_blue(tmp_path, kind: str, options: dict[str, object]) -> None:
    image = decode(_saved(_halves(), kind, tmp_path / "image", **options), "input 0")
    assert image.shape == (40, 60, 3)
    np.testing.assert_allclose(image[20, 10], _RED, atol=8)
    np.testing.assert_allclose(image[20, 50], _BLUE, atol=8)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda image: image),
        (3, lambda image: np.rot90(image, 2)),
        (6, np.rot90),
        (8, lambda image: np.rot90(image, 3)),
    ],
)
def test_exif_turns_the_photo_upright(tmp_path, orientation: int, turn) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = np.ascontiguousarray(turn(_halves()))
    image = decode(_saved(lying, "JPEG", tmp_path / "image", exif=exif, quality=95), "input 0")
    np.testing.assert_allclose(image[20, 10], _RED, atol=8)
    np.testing.assert_allclose(image[20, 50], _BLUE, atol=8)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_every_kind_of_pixel_becomes_three_bytes(tmp_path, mode: str) -> None:
    Image.fromarray(_halves()).convert(mode).save(tmp_path / "image", "PNG")
    image = decode((tmp_path / "image").read_bytes(), "input 0")
    assert (image.shape, image.dtype) == ((40, 60, 3), np.uint8)


def test_sixteen_bits_become_eight(tmp_path) -> None:
    _, png = cv2.imencode(".png", np.full((4, 4, 3), 65535, np.uint16))
    assert (decode(png.tobytes(), "input 0") == 255).all()


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a"]
)
def test_what_is_no_image_names_its_input(content: bytes) -> None:
    with pytest.raises(InputUnreadable, match="input 7 can't be decoded"):
        decode(content, "input 7")


def test_a_truncated_png_is_refused(tmp_path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    content = _saved(noise, "PNG", tmp_path / "image")
    with pytest.raises(InputUnreadable):
        decode(content[:200], "input 0")


def test_flipped_twice_is_the_same() -> None:
    image = _halves()
    assert tuple(flipped(image)[20, 10]) == _BLUE
    np.testing.assert_array_equal(flipped(flipped(image)), image)


def test_jpeg_round_trip() -> None:
    np.testing.assert_allclose(decode(to_jpeg(_halves()), "ours")[20, 10], _RED, atol=10)
