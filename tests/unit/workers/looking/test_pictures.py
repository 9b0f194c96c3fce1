"""What is seen in photos and in sets of them."""

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from workers.looking import Limits, Refusal
from workers.looking.pictures import look_at_photo, look_at_set

LIMITS = Limits(pixels=100_000, cpu_s=60, memory_bytes=1 << 32)


def picture(path: Path, size: tuple[int, int] = (40, 30), kind: str | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, "teal").save(path, kind)
    return path


def bomb(path: Path, side: int = 30_000) -> Path:
    """A PNG of a few bytes that says it has 900 million pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


@pytest.mark.parametrize(
    ("kind", "suffix"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("BMP", "bmp"), ("TIFF", "tif")]
)
def test_what_is_in_a_photo_whatever_its_name(tmp_path: Path, kind: str, suffix: str):
    seen = look_at_photo(picture(tmp_path / "file", (400, 100), kind), tmp_path / "t.jpg", LIMITS)

    assert (seen.container, seen.codec, seen.suffix) == (suffix, kind.lower(), f".{suffix}")
    assert (seen.width, seen.height, seen.frames, seen.duration_s) == (400, 100, 1, 0.0)
    with Image.open(tmp_path / "t.jpg") as thumbnail:
        assert thumbnail.size == (320, 80)


def refused(path: Path) -> tuple[str, str]:
    look = look_at_set if path.is_dir() else look_at_photo
    with pytest.raises(Refusal) as caught:
        look(path, path.with_name("t.jpg"), LIMITS)
    return caught.value.code, str(caught.value)


def test_what_is_no_photo(tmp_path: Path):
    whole = picture(tmp_path / "a.jpg", (200, 200)).read_bytes()
    for content in (b"", b"%!PS-Adobe-3.0 EPSF-3.0\n", whole[: len(whole) // 2], b"GIF89a" + bytes(100)):
        path = tmp_path / "b.jpg"
        path.write_bytes(content)
        assert refused(path)[0] == "invalid-image", content[:10]
    code, says = refused(bomb(tmp_path / "bomb.png"))
    assert (code, "30000 x 30000" in says) == ("invalid-image", True)
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    assert "several images" in refused(tmp_path / "moving.webp")[1]


def test_what_is_in_a_set(tmp_path: Path):
    for number in range(3):
        picture(tmp_path / "set" / f"shot {number}.{'JPG' if number else 'jpeg'}")

    seen = look_at_set(tmp_path / "set", tmp_path / "t.jpg", LIMITS)

    assert (seen.codec, seen.suffix, seen.frames, seen.width, seen.height) == ("jpeg", ".jpg", 3, 40, 30)
    assert (tmp_path / "t.jpg").is_file()


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([], "archive-contains-no-images"),
        ([("a.jpg", (9, 9), None), ("b.png", (9, 9), None)], "archive-mixed-image-extensions"),
        ([("a.jpg", (9, 9), None), ("b.webp", (9, 9), None)], "archive-disallowed-image-extension"),
        ([("a.jpg", (9, 9), None), ("b.jpg", (9, 8), None)], "archive-mixed-image-resolutions"),
        ([("a.jpg", (9, 9), "PNG")], "archive-corrupted"),
        ([("a.png", (999, 999), None)], "archive-corrupted"),
    ],
)
def test_what_is_no_set(tmp_path: Path, files: list[tuple[str, tuple[int, int], str | None]], code: str):
    (tmp_path / "set").mkdir()
    for name, size, kind in files:
        picture(tmp_path / "set" / name, size, kind)

    found, says = refused(tmp_path / "set")
    assert found == code
    assert says
