"""A msgpack body that comes in pieces is read as if it had come whole."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import packed_bodies
from api.errors import MalformedDocument
from api.packed_bodies import large_binary, read_packed
from api.packed_specs import PackedSpec
from api.services.arriving import Arrivals, Arriving
from shared.arrived import Arrived, content_of
from shared.errors import InvalidSpec, StoreUnavailable

LARGE = 70_000
"""msgpack says the length of such a string in four bytes, as of a megabyte."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20),
    max_leaves=12,
)
FIELDS = st.dictionaries(st.text(max_size=8).filter(lambda name: name not in {"inputs", "z"}), VALUES, max_size=5)
DATA = bytes(range(256)) * (LARGE // 256 + 1)


@pytest.fixture(autouse=True, scope="module")
def smaller():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_bodies, "LARGE_BYTES", LARGE)
        yield


class Staging:
    """Takes what is written, or doesn't."""

    def __init__(self, fails_after: int = 1_000_000) -> None:
        self.content = bytearray()
        self.left = fails_after

    async def write(self, content: bytes | memoryview) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable("away")
        self.content += content

    async def complete(self) -> object:
        return self

    async def drop(self) -> None:
        self.content.clear()


def read(body: bytes, piece: int, staging: Staging | None = None) -> PackedSpec:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), piece):
            yield body[at : at + piece]

    return asyncio.run(read_packed(pieces(), Arriving(Arrivals(lambda: staging, 1))))


def told(read_it: Any) -> tuple[object, ...]:
    try:
        spec = read_it()
    except InvalidSpec as error:
        return tuple(error.broken)
    except MalformedDocument as error:
        return (str(error),)
    return (spec.document, {place: content_of(file) for place, file in spec.files.items()})


@given(FIELDS, st.integers(1, 200_000))
def test_as_if_it_had_come_whole(fields: dict[str, Any], piece: int):
    piece = max(piece, 500)
    for inputs in ([{"tensor": {"shape": [1, 2], "data": DATA}}], [{"data": b"x"}, {"data": DATA}], [DATA], []):
        for document in (fields | {"inputs": inputs}, {"inputs": inputs} | fields | {"z": 1}):
            body = msgpack.packb(document)
            assert told(lambda body=body: read(body, piece)) == told(lambda body=body: PackedSpec.of(body))


@given(st.binary(max_size=50), st.integers(1, 60), st.integers(0, 200))
def test_what_is_no_msgpack_is_told_as_ever(noise: bytes, piece: int, cut: int):
    sent = msgpack.packb({"kind": "inference", "inputs": [{"data": b"x" * 60}]})
    for body in (noise, sent[:cut] + noise, sent + noise):
        assert told(lambda body=body: read(body, piece)) == told(lambda body=body: PackedSpec.of(body))


def test_a_string_that_ends_too_early():
    body = msgpack.packb({"inputs": [{"data": DATA}]})[:-100]
    assert told(lambda: read(body, 1_000)) == told(lambda: PackedSpec.of(body))


@given(VALUES)
def test_the_large_one_is_found_behind_anything(before: Any):
    head = msgpack.packb(before)
    body = head + msgpack.packb(DATA)
    found = large_binary(body)
    assert found is not None
    assert (found.at, found.length) == (len(head), len(DATA))
    assert body[found.start : found.start + found.length] == DATA
    assert large_binary(head) is None
    assert all(large_binary(body[:end]) is None for end in range(len(head), found.start))


@pytest.mark.parametrize("fails_after", [0, 1, 50, 1_000_000])
def test_it_is_brought_to_the_store_meanwhile(fails_after: int):
    staging = Staging(fails_after)
    spec = read(msgpack.packb({"inputs": [{"data": DATA}], "kind": "inference"}), 1_000, staging)
    (file,) = spec.files.values()
    assert isinstance(file, Arrived)
    assert file.content() == DATA
    whole = fails_after == 1_000_000
    assert file.staged is (staging if whole else None)
    assert (bytes(staging.content) == DATA) is whole
