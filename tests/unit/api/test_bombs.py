"""Photos that are small on the way and large in memory, or aren't photos: each way in refuses them by their heads."""

import base64
import io
import json
import struct
import time
import zlib
from collections.abc import Callable

import httpx2
import pytest
from PIL import Image

from shared.msgpacked import packed
from tests.support.gateway import SPEC, House

BUSY_S = 2.0
"""Processor time, a fraction of what unfolding one of them takes."""


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )


def jpeg(side: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, "JPEG")
    whole = content.getvalue()
    frame = whole.index(b"\xff\xc0") + 5
    return whole[:frame] + struct.pack(">HH", side, side) + whole[frame + 4 :]


def frames(kind: str, count: int) -> bytes:
    content = io.BytesIO()
    shots = [Image.new("P", (9, 9), number % 256) for number in range(count)]
    shots[0].save(content, kind, save_all=True, append_images=shots[1:])
    return content.getvalue()


def still(kind: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (9, 9)).save(content, kind)
    return content.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "a PNG of 900 million pixels": lambda: png(30_000, 30_000),
    "a PNG as wide as can be": lambda: png(2**31 - 1, 1),
    "a PNG without a height": lambda: png(10, 0),
    "a JPEG of four billion pixels": lambda: jpeg(65_500),
    "a GIF of 1,000 frames": lambda: frames("GIF", 1_000),
    "a TIFF of 300 pages": lambda: frames("TIFF", 300),
    "a BMP": lambda: still("BMP"),
    "an EPS": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "an SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "a PNG's first bytes alone": lambda: b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("name", BOMBS)
async def test_each_way_in_refuses_it(name: str, client: httpx2.AsyncClient, house: House) -> None:
    bomb = BOMBS[name]()
    inline = SPEC | {"inputs": [{"data": base64.b64encode(bomb).decode()}]}
    part = {"spec": json.dumps(SPEC | {"inputs": [{"file": "hand"}]})}
    binary = packed(SPEC | {"inputs": [{"data": bomb}]})
    begun = time.process_time()
    answers = [
        await client.post("/api/v1/jobs", json=inline),
        await client.post("/api/v1/jobs", data=part, files={"hand": ("hand.png", bomb, "image/png")}),
        await client.post("/api/v1/jobs", content=binary, headers={"Content-Type": "application/msgpack"}),
        await client.post("/api/v1/gestures/asl/predict", content=bomb, headers={"Content-Type": "image/png"}),
        await client.post("/api/v1/gestures/asl/predict", files={"image": ("hand.png", bomb, "image/png")}),
        await client.post("/api/v1/keypoints/hands", files={"image": ("hand.png", bomb, "image/png")}),
    ]
    assert time.process_time() - begun < BUSY_S
    assert [answer.status_code for answer in answers] == [422] * 6, [answer.text[:200] for answer in answers]
    assert house.kept == []
