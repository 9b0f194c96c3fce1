"""Who is alive and what is installed, in Redis: a hash per worker that dies with its heartbeat."""

from collections.abc import Mapping, Sequence

from shared.adapters.redis_connection import AsyncRedis, BlockingRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM, read_lua
from shared.adapters.redis_leases import LIST_LEASES, read_leases
from shared.circuit import Circuit
from shared.log_levels import LogLevels, NewLogLevels
from shared.results import InstalledMedium, InstalledModel
from shared.settings import Settings
from shared.workers import DeviceLease, WorkerInfo

_HOLD = Script.of(
    ALLOW_OOM
    + """
local key, token = ARGV[1], ARGV[2]
local holder = redis.call('GET', key)
if holder and holder ~= token then
  return 0
end
redis.call('SET', key, token, 'PX', ARGV[3])
return 1
"""
)
_ADD_MEDIUM = Script.of("""
redis.call('HSET', ARGV[1] .. ':media', ARGV[2], ARGV[3])
redis.call('ZADD', ARGV[1] .. ':media:used', redis.call('TIME')[1], ARGV[2])
""")
_REMOVE_MEDIUM = Script.of(
    ALLOW_OOM
    + """
redis.call('HDEL', ARGV[1] .. ':media', ARGV[2])
redis.call('ZREM', ARGV[1] .. ':media:used', ARGV[2])
"""
)
_USE_MEDIUM = Script.of(
    ALLOW_OOM
    + """
redis.call('ZADD', ARGV[1] .. ':media:used', 'XX', redis.call('TIME')[1], ARGV[2])
"""
)
_UNUSED_MEDIA = Script.of("""
local latest = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[2])
return redis.call('ZRANGEBYSCORE', ARGV[1] .. ':media:used', '-inf', latest)
""")
# A full memory is no reason to look less closely.
_SET_LEVELS = Script.of(
    ALLOW_OOM
    + """
if ARGV[3] == '0' then
  redis.call('SET', ARGV[1], ARGV[2])
else
  redis.call('SET', ARGV[1], ARGV[2], 'PX', ARGV[3])
end
"""
)
_RELEASE = Script.of("""
if redis.call('GET', ARGV[1]) == ARGV[2] then
  redis.call('DEL', ARGV[1])
end
""")


class RedisWorkerDirectory:
    """WorkerDirectory on Redis. Used from one event loop."""

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        self._prefix = settings.redis.prefix
        self._redis = AsyncRedis(settings, circuit)
        self._workers = Script.of(read_lua("workers"))

    async def workers(self) -> list[WorkerInfo]:
        """In the order of their ids."""
        return _workers(await self._redis.run(self._workers, self._prefix))

    async def leases(self) -> list[DeviceLease]:
        """In the order of hosts and devices."""
        return read_leases(await self._redis.run(LIST_LEASES, self._prefix, "", "", ""))

    async def models(self) -> dict[str, InstalledModel]:
        """Installed models by name, in the order of the names."""
        return _models(await self._redis.command("HGETALL", f"{self._prefix}:models"))

    async def media(self) -> dict[str, InstalledMedium]:
        """Media by name, in the order of the names."""
        return _media(await self._redis.command("HGETALL", f"{self._prefix}:media"))

    async def log_levels(self) -> LogLevels:
        """See the port."""
        return _levels(await self._redis.command("GET", f"{self._prefix}:log-levels"))

    async def set_log_levels(self, wanted: NewLogLevels) -> LogLevels:
        """See the port."""
        levels = wanted.made()
        kept_ms = round((wanted.for_s or 0) * 1000)
        await self._redis.run(_SET_LEVELS, f"{self._prefix}:log-levels", levels.model_dump_json(), kept_ms)
        return levels

    async def close(self) -> None:
        """Let go of connections."""
        await self._redis.close()


class RedisWorkerBeacon:
    """WorkerBeacon on Redis; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)
        self._announce = Script.of(ALLOW_OOM + read_lua("announce"))
        self._workers = Script.of(read_lua("workers"))

    def announce(self, info: WorkerInfo, ttl_s: float) -> None:
        """``started_at`` and ``seen_at`` are the store's: of the first and of this announcement."""
        self._redis.run(self._announce, self._prefix, info.id, info.model_dump_json(), max(1, round(ttl_s * 1000)))

    def withdraw(self, worker_id: str) -> None:
        """See the port."""
        self._redis.command("DEL", f"{self._prefix}:worker:{worker_id}")

    def workers(self) -> list[WorkerInfo]:
        """In the order of their ids."""
        return _workers(self._redis.run(self._workers, self._prefix))

    def models(self) -> dict[str, InstalledModel]:
        """Installed models by name, in the order of the names."""
        return _models(self._redis.command("HGETALL", f"{self._prefix}:models"))

    def log_levels(self) -> LogLevels:
        """See the port."""
        return _levels(self._redis.command("GET", f"{self._prefix}:log-levels"))

    def install(self, model: InstalledModel) -> None:
        """See the port."""
        self._redis.command("HSET", f"{self._prefix}:models", model.name, model.model_dump_json())

    def uninstall(self, name: str) -> None:
        """See the port."""
        self._redis.command("HDEL", f"{self._prefix}:models", name)

    def media(self) -> dict[str, InstalledMedium]:
        """Media by name, in the order of the names."""
        return _media(self._redis.command("HGETALL", f"{self._prefix}:media"))

    def add_medium(self, medium: InstalledMedium) -> None:
        """See the port."""
        self._redis.run(_ADD_MEDIUM, self._prefix, medium.name, medium.model_dump_json())

    def remove_medium(self, name: str) -> None:
        """See the port."""
        self._redis.run(_REMOVE_MEDIUM, self._prefix, name)

    def use_medium(self, name: str) -> None:
        """See the port."""
        self._redis.run(_USE_MEDIUM, self._prefix, name)

    def unused_media(self, older_than_s: float) -> list[str]:
        """See the port. Ages are counted in whole seconds."""
        found: list[bytes] = self._redis.run(_UNUSED_MEDIA, self._prefix, older_than_s)
        return [each.decode() for each in found]

    def hold_models(self, token: str, ttl_s: float) -> bool:
        """See the port."""
        return self._held(f"{self._prefix}:models:holder", token, ttl_s)

    def release_models(self, token: str) -> None:
        """See the port."""
        self._redis.run(_RELEASE, f"{self._prefix}:models:holder", token)

    def hold(self, what: str, token: str, ttl_s: float) -> bool:
        """See the port."""
        return self._held(f"{self._prefix}:held:{what}", token, ttl_s)

    def release(self, what: str, token: str) -> None:
        """See the port."""
        self._redis.run(_RELEASE, f"{self._prefix}:held:{what}", token)

    def _held(self, key: str, token: str, ttl_s: float) -> bool:
        return self._redis.run(_HOLD, key, token, max(1, round(ttl_s * 1000))) == 1

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()


def _workers(reply: Sequence[bytes]) -> list[WorkerInfo]:
    found = [
        WorkerInfo.model_validate_json(info).model_copy(
            update={"started_at": int(started) / 1_000_000, "seen_at": int(seen) / 1_000_000}
        )
        for info, started, seen in zip(reply[::3], reply[1::3], reply[2::3], strict=True)
    ]
    return sorted(found, key=lambda worker: worker.id)


def _models(reply: Mapping[bytes, bytes]) -> dict[str, InstalledModel]:
    models = [InstalledModel.model_validate_json(model) for model in reply.values()]
    return {model.name: model for model in sorted(models, key=lambda model: model.name)}


def _levels(reply: bytes | None) -> LogLevels:
    return LogLevels() if reply is None else LogLevels.model_validate_json(reply)


def _media(reply: Mapping[bytes, bytes]) -> dict[str, InstalledMedium]:
    media = [InstalledMedium.model_validate_json(medium) for medium in reply.values()]
    return {medium.name: medium for medium in sorted(media, key=lambda medium: medium.name)}
