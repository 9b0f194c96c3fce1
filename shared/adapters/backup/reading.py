"""The store, read for a backup while others work with it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import chain
from typing import Any

from shared.adapters.backup.entries import Entry
from shared.adapters.backup.families import JOB_PARTS, TOGETHER, Family, family
from shared.adapters.redis_connection import Argument, BlockingRedis
from shared.settings import Settings

_PAGE = 200
_TOGETHER_BYTES = 1024 * 1024
"""The server serves nobody else while it copies so much."""
_LARGE_PARTS = (":blobs", ":told", ":records")
_SMALL = 4_096
"""Counted for what of a job isn't among these."""
_SPECIAL = re.compile(r"([\\*?\[\]])")


def script(name: str) -> str:
    """The text of one of this folder's."""
    return resources.files("shared.adapters.backup").joinpath(f"{name}.lua").read_text("utf-8")


def names(redis: BlockingRedis, prefix: str) -> Iterator[list[str]]:
    """All keys below the prefix, without it; some may come twice. Names that aren't text are left out."""
    cursor, begin = b"0", f"{prefix}:"
    pattern = _SPECIAL.sub(r"\\\1", begin) + "*"
    while True:
        cursor, found = redis.command("SCAN", cursor, "MATCH", pattern, "COUNT", 1_000)
        yield [name.removeprefix(begin) for each in found if (name := _text(each)) is not None]
        if int(cursor) == 0:
            return


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


class StoreReader:
    """Jobs accepted until it was made, each as it is at one moment; then what else is kept.

    Raises StoreUnavailable.
    """

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)
        self._about = script("about")
        self._last = int(self._redis.command("GET", f"{self._prefix}:order") or 0)

    def server(self) -> str:
        """Its name and version."""
        about: dict[str, Any] = self._redis.command("INFO", "server")
        known = {name: about.get(f"{name}_version") for name in ("valkey", "redis")}
        return next((f"{name} {version}" for name, version in known.items() if version), "unknown")

    def entries(self) -> Iterator[Entry]:
        """Everything that is kept."""
        yield from self._singles(TOGETHER)
        yield from self._ordered("index", self._jobs, self._last)
        yield from self._ordered("benchmarks", self._benchmarks, None)
        yield from self._others()

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()

    def _ordered(self, index: str, look: Any, last: int | None) -> Iterator[Entry]:
        after = "-inf"
        while True:
            until = "+inf" if last is None else last
            found: list[bytes] = self._redis.command(
                *("ZRANGEBYSCORE", f"{self._prefix}:{index}", after, until, "WITHSCORES", "LIMIT", 0, _PAGE)
            )
            if not found:
                return
            yield from look([each.decode() for each in found[::2]])
            after = f"({found[-1].decode()}"

    def _jobs(self, ids: list[str]) -> Iterator[Entry]:
        keys = [[f"{self._prefix}:job:{each}{end}" for end in JOB_PARTS] for each in ids]
        large = [("MEMORY", "USAGE", f"{self._prefix}:job:{each}{end}") for each in ids for end in _LARGE_PARTS]
        sizes = [size or 0 for size in self._redis.several(large)]
        weights = [_SMALL + sum(each) for each in _in_groups(sizes, len(_LARGE_PARTS))]
        for some in _portions(list(range(len(ids))), weights):
            asked = chain.from_iterable(
                (*_copies(keys[n]), ("EVAL", self._about, 0, self._prefix, ids[n])) for n in some
            )
            told = self._redis.several(asked, at_once=True)
            for n, of_job in zip(some, _in_groups(told, 2 * len(JOB_PARTS) + 1), strict=True):
                entry = Entry(Family.JOB, ids[n], _found(JOB_PARTS, of_job), tuple(of_job[-1]))
                if entry.about:  # else it was removed meanwhile
                    yield entry

    def _benchmarks(self, ids: list[str]) -> Iterator[Entry]:
        for each in ids:
            asked = [
                *_copies([f"{self._prefix}:benchmark:{each}"]),
                ("ZSCORE", f"{self._prefix}:benchmarks", each),
            ]
            told = self._redis.several(asked, at_once=True)
            if told[-1] is not None and (keys := _found(("",), told)):
                yield Entry(Family.BENCHMARK, each, keys, (int(told[-1]),))

    def _others(self) -> Iterator[Entry]:
        seen: set[str] = set(TOGETHER)
        for some in names(self._redis, self._prefix):
            for name in some:
                if family(name) is Family.KEY and name not in seen:
                    seen.add(name)
                    yield from self._singles((name,))

    def _singles(self, which: Sequence[str]) -> Iterator[Entry]:
        told = self._redis.several(_copies(f"{self._prefix}:{name}" for name in which), at_once=True)
        for name, of_key in zip(which, _in_groups(told, 2), strict=True):
            if keys := _found(("",), of_key):
                yield Entry(Family.KEY, name, keys)


def _in_groups(items: Sequence[Any], size: int) -> Iterator[tuple[Any, ...]]:
    return zip(*[iter(items)] * size, strict=True)


def _copies(keys: Iterable[str]) -> list[tuple[Argument, ...]]:
    return [command for key in keys for command in (("PTTL", key), ("DUMP", key))]


def _found(ends: Sequence[str], told: Sequence[Any]) -> tuple[tuple[str, int, bytes], ...]:
    pairs = zip(ends, told[: 2 * len(ends) : 2], told[1 : 2 * len(ends) : 2], strict=True)
    return tuple((end, int(left), value) for end, left, value in pairs if value is not None)


def _portions(items: list[int], weights: list[int]) -> Iterator[list[int]]:
    """In order, so that each weighs little; a single one may weigh more."""
    portion: list[int] = []
    weight = 0
    for item, its in zip(items, weights, strict=True):
        if portion and weight + its > _TOGETHER_BYTES:
            yield portion
            portion, weight = [], 0
        portion.append(item)
        weight += its
    if portion:
        yield portion
