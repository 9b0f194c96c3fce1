"""Large inputs go to the store in pieces, before the script that makes their job.

As an argument of a script the server copies them four times, and serves nobody meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

from shared.adapters.redis_connection import AsyncRedis, Sending, store_errors

STAGED_BYTES = 1024 * 1024
"""Inputs from this size on are staged."""

PIECE = 64 * 1024
"""Bytes of each piece but an input's last."""

_KEPT_S = 300
"""So long a request has to become a job of what it staged; what is left of one that doesn't goes by itself."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Inputs in a list of their own, until they are a job's. ``counts``: of pieces, by input."""

    key: str
    counts: Sequence[int]

    def fields(self) -> list[str]:
        """Of the record."""
        return ["blobs", str(sum(self.counts)), "pieces", ",".join(map(str, self.counts))]


class RedisStaging:
    """Staging, into a list; of one input, or of several one after the other."""

    def __init__(self, redis: AsyncRedis, prefix: str) -> None:
        self._redis = redis
        self._sending = Sending(redis)
        self._key = f"{prefix}:staged:{uuid4().hex}".encode()
        self._counts = [0]
        self._pieces = 0
        self._rest = bytearray()

    async def write(self, content: bytes | memoryview) -> None:
        """See the port."""
        whole = memoryview(content)
        if self._rest:
            missing = PIECE - len(self._rest)
            self._rest += whole[:missing]
            whole = whole[missing:]
            if len(self._rest) < PIECE:
                return
            await self._push(bytes(self._rest))
        end = len(whole) // PIECE * PIECE
        for at in range(0, end, PIECE):
            await self._push(whole[at : at + PIECE])
        self._rest[:] = whole[end:]

    async def complete(self) -> Staged:
        """See the port."""
        await self._end_input()
        await self._keep()  # it may have taken its time
        await self._sending.finish()
        return Staged(self._key.decode(), self._counts)

    async def drop(self) -> None:
        """See the port."""
        self._sending.drop()
        if self._pieces:  # behind those that are still on their way
            asked = await self._redis.ask(b"UNLINK", self._key)
            with store_errors():
                await asked

    async def whole(self, inputs: Iterable[bytes]) -> Staged:
        """All of them."""
        for number, content in enumerate(inputs):
            if number:
                await self._end_input()
                self._counts.append(0)
            await self.write(content)
        return await self.complete()

    async def _keep(self) -> None:
        await self._sending.send((b"EXPIRE", self._key, b"%d" % _KEPT_S), 1)

    async def _end_input(self) -> None:
        if self._rest or not self._counts[-1]:
            await self._push(bytes(self._rest))
            self._rest.clear()

    async def _push(self, piece: bytes | memoryview) -> None:
        self._counts[-1] += 1
        self._pieces += 1
        if self._pieces == 1:
            await self._sending.send((b"RPUSH", self._key, piece), 1)
            await self._keep()
        else:  # what has expired meanwhile must not begin anew
            await self._sending.send((b"RPUSHX", self._key, piece), self._pieces)


def joined(items: Sequence[bytes], pieces: bytes) -> list[bytes]:
    """The inputs of a record's list. ``pieces``: as its field says; empty: each item is one."""
    if not pieces:
        return list(items)
    rest = iter(items)
    return [b"".join(islice(rest, count)) for count in counts_of(pieces)]


def counts_of(pieces: bytes) -> list[int]:
    """Of the pieces of each input, as a record's field says."""
    return [int(count) for count in pieces.split(b",")]
