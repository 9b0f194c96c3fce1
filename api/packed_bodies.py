"""A body in msgpack that is one large binary string with a little around it, taken apart as it comes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

from anyio import to_thread

from api.packed_specs import PackedSpec
from api.services.arriving import LARGE_BYTES, Arriving
from api.services.submit import SMALL_BYTES

_SEARCHED = 4 * 1024
"""Bytes in which the string has to begin."""

_FIXED = {0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9} | {
    0xD0: 2,
    0xD1: 3,
    0xD2: 5,
    0xD3: 9,
    0xDC: 3,
    0xDD: 5,
    0xDE: 3,
    0xDF: 5,  # lists and maps: what is in them follows
}
"""Bytes of values by their first one."""

_COUNTED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""Bytes of the length of binary and other strings, by their first one."""

_BINARY = 0xC6


@dataclass(frozen=True, slots=True)
class Large:
    """Where a value begins, its content begins, and how long that is."""

    at: int
    start: int
    length: int


def large_binary(head: bytes) -> Large | None:
    """The first large binary string, if it begins in ``head``: the beginning of any bytes."""
    at = 0
    while at < len(head):
        kind = head[at]
        if kind in _COUNTED:
            start = at + 1 + _COUNTED[kind]
            length = int.from_bytes(head[at + 1 : start], "big")
            if start > len(head):
                return None
            if kind == _BINARY and length >= LARGE_BYTES:
                return Large(at, start, length)
            at = start + length
        elif kind < 0xA0 or kind >= 0xE0:  # noqa: PLR2004  small numbers, lists and maps
            at += 1
        elif kind < 0xC0:  # noqa: PLR2004  short strings
            at += 1 + kind - 0xA0
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            return None
    return None


async def spec_of(body: bytes) -> PackedSpec:
    """The spec in it; if it is large, in a thread. Raises as ``PackedSpec.of`` does."""
    return await to_thread.run_sync(PackedSpec.of, body) if len(body) > SMALL_BYTES else PackedSpec.of(body)


async def read_packed(body: AsyncIterator[bytes], arriving: Arriving) -> PackedSpec:
    """Raises as ``PackedSpec.of`` does."""
    head = b""
    async for chunk in body:
        head += chunk
        if len(head) >= _SEARCHED:
            break
    if (large := large_binary(head[:_SEARCHED])) is None:
        return await spec_of(b"".join([head, *[chunk async for chunk in body]]))
    await arriving.write(head[large.start : large.start + large.length])
    missing = large.length - (len(head) - large.start)
    tail = [head[large.start + large.length :]]
    async for chunk in body:
        if missing > 0:
            await arriving.write(chunk[:missing])
            tail.append(chunk[missing:])
            missing -= len(chunk)
        else:
            tail.append(chunk)
    file, after = await arriving.complete(), b"".join(tail)
    if missing > 0:
        return await spec_of(b"".join([head[: large.start], file.content(), after]))
    # What stands in its place meanwhile nobody can guess.
    name = uuid4().bytes
    packed = await spec_of(b"".join([head[: large.at], b"\xc4", bytes([len(name)]), name, after]))
    packed.files.update({place: file for place, content in packed.files.items() if content == name})
    return packed
