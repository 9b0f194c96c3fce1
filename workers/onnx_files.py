"""Which other files an ONNX model reads its weights from. The standard library only: nothing of the model is run.

An ONNX file is a protocol buffer. Of it only what leads to tensors is walked through; whatever else there is, and
the numbers themselves, is stepped over.
"""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from shared.errors import ModelUnusable

_DEPTH = 64
_VARINT, _LONG, _BYTES, _SHORT = 0, 1, 2, 5
_WIDTHS = {_LONG: 8, _SHORT: 4}
_MOST_SHIFT = 63

_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Fields of messages that tensors can be in, by their numbers; an entry says where a tensor's numbers are."""

_KEY, _VALUE = 1, 2


class _Field(NamedTuple):
    number: int
    start: int
    end: int


def external_files(path: Path) -> set[str]:
    """What the model calls them. Raises ModelUnusable for a file that isn't a protocol buffer."""
    if not path.stat().st_size:
        raise ModelUnusable(f"{path.name} is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return set(_locations(content, "model", 0, len(content), 0))
        except (IndexError, ValueError) as error:
            raise ModelUnusable(f"{path.name} isn't an ONNX model") from error


def _locations(content: mmap.mmap, message: str, start: int, end: int, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        msg = "nested too deeply"
        raise ValueError(msg)
    inside = _INSIDE[message]
    for field in _fields(content, start, end):
        kind = inside.get(field.number)
        if kind == "entry":
            yield from _location(content, field)
        elif kind is not None:
            yield from _locations(content, kind, field.start, field.end, depth + 1)


def _location(content: mmap.mmap, entry: _Field) -> Iterator[str]:
    said = {field.number: content[field.start : field.end] for field in _fields(content, entry.start, entry.end)}
    if said.get(_KEY) == b"location":
        yield said.get(_VALUE, b"").decode("utf-8", "replace")


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[_Field]:
    """Those of bytes; numbers are stepped over."""
    at = start
    while at < end:
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(content, at)
        elif kind == _BYTES:
            size, at = _varint(content, at)
            if at + size > end:
                msg = "a field ends after its message"
                raise ValueError(msg)
            yield _Field(tag >> 3, at, at + size)
            at += size
        elif kind in _WIDTHS:
            at += _WIDTHS[kind]
        else:
            msg = f"unknown wire type {kind}"
            raise ValueError(msg)


def _varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift <= _MOST_SHIFT:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last one
            return value, at
        shift += 7
    msg = "a number is too long"
    raise ValueError(msg)
