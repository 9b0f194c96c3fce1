"""msgpack, with types."""
# pyright: basic
# The library has none; nothing above this module touches it.

from typing import Any

import msgpack


def packed(value: Any) -> bytes:
    """A value made of plain ones, lists and maps."""
    return msgpack.packb(value) or b""


def unpacked(content: bytes, most_fields: int) -> dict[str, Any]:
    """A map of names to plain values, without lists. Raises ValueError for anything else."""
    try:
        fields = msgpack.unpackb(content, max_map_len=most_fields, max_array_len=0, max_ext_len=0)
    except (msgpack.UnpackException, msgpack.exceptions.ExtraData, ValueError, TypeError) as error:
        raise ValueError(str(error) or type(error).__name__) from None
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        msg = "not a map of names"
        raise ValueError(msg)
    return fields


def opened(content: bytes, most: int) -> Any:
    """Any value; a list or map in it has ``most`` items at most. Raises ValueError for what isn't one."""
    try:
        return msgpack.unpackb(content, max_map_len=most, max_array_len=most, max_ext_len=0)
    except (msgpack.UnpackException, msgpack.exceptions.ExtraData, ValueError, TypeError) as error:
        raise ValueError(str(error) or type(error).__name__) from None
