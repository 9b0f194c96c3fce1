"""Is this a photo we take? Answered from its header and its end, without decoding a pixel."""

import struct
from collections.abc import Callable

from shared.settings import LimitSettings

Size = tuple[int, int]
"""Width and height in pixels."""

_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_JPEG_MARK, _JPEG_SCAN = 0xFF, 0xDA
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_ODD_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_SEGMENTS = 2_000
"""No camera writes as many; a file made of empty segments must not keep us busy."""
_WEBP_ANIMATED = 0x02

_TRUNCATED = "the image is truncated"
_BROKEN = "the image's header is broken"
_KIND = "not a JPEG, PNG or WebP image"


def image_check(limits: LimitSettings) -> Callable[[bytes], None]:
    """A check that raises ValueError, with a sentence for the caller, unless given a photo within ``limits``."""

    def check(image: bytes) -> None:
        if not image:
            msg = "the image is empty"
            raise ValueError(msg)
        if len(image) > limits.image_bytes:
            msg = f"the image has {len(image)} bytes; at most {limits.image_bytes} are taken"
            raise ValueError(msg)
        width, height = image_size(image)
        if width * height > limits.image_pixels:
            msg = f"the image has {width} x {height} pixels; at most {limits.image_pixels} are taken"
            raise ValueError(msg)

    return check


def image_size(image: bytes) -> Size:
    """The size a JPEG, PNG or WebP says it has. Raises ValueError for anything else, and for one cut short."""
    try:
        width, height = _reader(image)(image)
    except (struct.error, IndexError):
        raise ValueError(_TRUNCATED) from None
    if not width or not height:
        raise ValueError(_BROKEN)
    return width, height


def _reader(image: bytes) -> Callable[[bytes], Size]:
    if image.startswith(_JPEG_START):
        return _jpeg
    if image.startswith(_PNG_START):
        return _png
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return _webp
    raise ValueError(_KIND)


def _jpeg(image: bytes) -> Size:
    size: Size | None = None
    at = 2
    for _ in range(_JPEG_SEGMENTS):
        marker, length = _jpeg_segment(image, at)
        if marker == _JPEG_SCAN:
            break
        if marker in _JPEG_FRAMES:
            size = _jpeg_frame(image, at)
        at += length
    if size is None:
        raise ValueError(_BROKEN)
    if image.find(_JPEG_END, at) < 0:
        raise ValueError(_TRUNCATED)
    return size


def _jpeg_segment(image: bytes, at: int) -> tuple[int, int]:
    """The marker and the bytes to the next one."""
    if image[at] != _JPEG_MARK:
        raise ValueError(_BROKEN)
    marker = image[at + 1]
    if marker == _JPEG_MARK:  # a fill byte
        return marker, 1
    if marker in _JPEG_BARE:
        return marker, 2
    if marker in _JPEG_ODD_FRAMES:
        msg = "lossless and arithmetic-coded JPEG isn't taken"
        raise ValueError(msg)
    return marker, 2 + struct.unpack_from(">H", image, at + 2)[0]


def _jpeg_frame(image: bytes, at: int) -> Size:
    precision, height, width = struct.unpack_from(">BHH", image, at + 4)
    if precision != 8:  # noqa: PLR2004  bits of a sample
        msg = "only JPEG with 8 bits a sample is taken"
        raise ValueError(msg)
    return width, height


def _png(image: bytes) -> Size:
    width, height = struct.unpack_from(">II", image, len(_PNG_START))
    pixels = image.find(b"IDAT", len(_PNG_START))
    if pixels < 0 or image.find(_PNG_END, pixels) < 0:
        raise ValueError(_TRUNCATED)
    return width, height


def _webp(image: bytes) -> Size:
    (size,) = struct.unpack_from("<I", image, 4)
    chunk, length = struct.unpack_from("<4sI", image, 12)
    if size + 8 > len(image) or length + 20 > size + 8:
        raise ValueError(_TRUNCATED)
    match chunk:
        case b"VP8X":
            if image[20] & _WEBP_ANIMATED:
                msg = "animated images aren't taken"
                raise ValueError(msg)
            return _u24(image, 24) + 1, _u24(image, 27) + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", image, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", image, 26)
            return width & 0x3FFF, height & 0x3FFF
        case _:
            raise ValueError(_BROKEN)


def _u24(image: bytes, at: int) -> int:
    return int.from_bytes(image[at : at + 3], "little")
