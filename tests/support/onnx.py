"""Small ONNX models, written by hand: a picture's mean colours times a table."""

from collections.abc import Sequence

import numpy as np

FLOAT = 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _bytes(number: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _port(name: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, FLOAT) + _bytes(2, dims)))


def _node(op: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    return b"".join(_bytes(1, one) for one in inputs) + _bytes(2, output) + _bytes(4, op) + attributes


def _tensor(name: str, array: np.ndarray, location: str | None) -> bytes:
    head = b"".join(_number(1, size) for size in array.shape) + _number(2, FLOAT) + _bytes(8, name)
    if location is None:
        return head + _bytes(9, array.astype("<f4").tobytes())
    told = {"location": location, "offset": "0", "length": str(array.size * 4)}
    entries = b"".join(_bytes(13, _bytes(1, key) + _bytes(2, value)) for key, value in told.items())
    return head + entries + _number(14, 1)


def colours(table: np.ndarray, location: str | None = None, size: int = 8) -> bytes:
    """A classifier of [1, 3, size, size] pictures: softmax of their mean colours times ``table`` [3, classes].

    ``location``: the file that the table is in, instead of the model itself.
    """
    flat = _bytes(5, _bytes(1, "axis") + _number(3, 1) + _number(20, 2))
    nodes = [
        _node("GlobalAveragePool", ["image"], "pooled"),
        _node("Flatten", ["pooled"], "flat", flat),
        _node("MatMul", ["flat", "table"], "scores"),
        _node("Softmax", ["scores"], "classes"),
    ]
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, "colours")
    graph += _bytes(5, _tensor("table", table, location))
    graph += _bytes(11, _port("image", [1, 3, size, size])) + _bytes(12, _port("classes", [1, table.shape[1]]))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))
