"""What a system keeps: keys, objects, files. By their shape, for the names are others each time."""

import os
import re
from collections import Counter
from pathlib import Path

import redis

from shared.adapters.s3_artifacts import S3ArtifactStore
from tests.soak.system import Soaked

_STAYS = -1
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAMES = re.compile(r"[0-9a-f]{16,}|\d+")


def kept(soaked: Soaked) -> Counter[str]:
    """How many there are of each shape."""
    return Counter(map(shape, [*_keys(soaked), *_objects(soaked), *_files(soaked)])) + _entries(soaked)


def shape(name: str) -> str:
    """The name without ids and numbers."""
    return _NAMES.sub("#", _UUID.sub("#", name))


def _keys(soaked: Soaked) -> list[str]:
    """Those that stay until somebody removes them and of which there can be many: others have names of their own."""
    with redis.Redis.from_url(soaked.stack.redis_url) as client:
        found = [(key.decode(errors="replace"), client.ttl(key)) for key in client.scan_iter(count=1_000)]
    return [f"key {key}" for key, ttl in found if ttl == _STAYS and shape(key) != key]


def _entries(soaked: Soaked) -> Counter[str]:
    """Tens of entries in each key that stays; the audit log has a bound of its own."""
    count: Counter[str] = Counter()
    with redis.Redis.from_url(soaked.stack.redis_url) as client:
        sizes = {b"hash": client.hlen, b"zset": client.zcard, b"set": client.scard, b"list": client.llen}
        for key in client.scan_iter(count=1_000):
            size = sizes.get(client.type(key))
            if size and client.ttl(key) == _STAYS:
                count[f"tens of entries in {shape(key.decode(errors='replace'))}"] += int(size(key)) // 10
    return count


def passing(soaked: Soaked) -> Counter[str]:
    """Keys that go by themselves, by their shape and when the last of them goes."""
    latest: dict[str, int] = {}
    count: Counter[str] = Counter()
    with redis.Redis.from_url(soaked.stack.redis_url) as client:
        for key in client.scan_iter(count=1_000):
            if (ttl := int(client.ttl(key))) >= 0:
                name = shape(key.decode(errors="replace"))
                count[name] += 1
                latest[name] = max(latest.get(name, 0), ttl)
    return Counter({f"{name} (the last in {latest[name]} s)": number for name, number in count.items()})


def _objects(soaked: Soaked) -> list[str]:
    return [f"object {each.key}" for each in S3ArtifactStore(soaked.artifacts).listing("")]


def _files(soaked: Soaked) -> list[str]:
    """Of workers and of all processes' temporary folder; what Valkey and the log write is theirs."""
    found: list[str] = []
    for root in (soaked.temporary, soaked.folder / "data"):
        for folder, _, names in os.walk(root):
            place = Path(folder).relative_to(soaked.folder)
            if place.parts[:2] != ("data", "valkey"):
                found += [f"file {place / name}" for name in names]
    return found
