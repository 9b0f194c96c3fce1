"""API keys in a hash of Redis, and counters of requests."""

from shared.access import ApiKey
from shared.access_errors import KeyNotFound
from shared.adapters.redis_connection import AsyncRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.circuit import Circuit
from shared.errors import StoreUnavailable
from shared.ports.keys import Spent
from shared.settings import Settings

# ARGV: key, limit, window in microseconds. The counter of the window before is weighed by what is left of it.
_SPEND = Script.of(
    ALLOW_OOM
    + """
local limit, window = tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local number = math.floor(now / window)
local key = ARGV[1] .. ':' .. string.format('%.0f', number)
local before = tonumber(redis.call('GET', ARGV[1] .. ':' .. string.format('%.0f', number - 1)) or 0)
local count = tonumber(redis.call('GET', key) or 0)
local gone = now - number * window
local used = before * (window - gone) / window + count
if used + 1 > limit then
  local wait = window - gone
  if count + 1 <= limit and before > 0 then
    wait = (used + 1 - limit) * window / before
  end
  return {0, 0, math.ceil(wait)}
end
redis.call('INCR', key)
redis.call('PEXPIRE', key, math.ceil(window / 500))
return {1, math.floor(limit - used - 1), 0}
"""
)


class RedisKeyStore:
    """KeyStore on Redis. Used from one event loop."""

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        self._prefix = settings.redis.prefix
        self._redis = AsyncRedis(settings, circuit)

    async def add(self, key: ApiKey) -> None:
        """See the port."""
        await self._redis.command("HSET", f"{self._prefix}:keys", key.id, key.model_dump_json())

    async def get(self, key_id: str) -> ApiKey | None:
        """See the port."""
        value: bytes | None = await self._redis.command("HGET", f"{self._prefix}:keys", key_id)
        return None if value is None else _read(value)

    async def all(self) -> list[ApiKey]:
        """See the port."""
        kept: list[bytes] = await self._redis.command("HVALS", f"{self._prefix}:keys")
        return sorted(map(_read, kept), key=lambda key: (key.created_at, key.id))

    async def remove(self, key_id: str) -> ApiKey:
        """See the port."""
        key = await self.get(key_id)
        if key is None or not await self._redis.command("HDEL", f"{self._prefix}:keys", key_id):
            raise KeyNotFound(f"there is no key {key_id[:100]!r}")
        return key

    async def spend(self, caller: str, limit: int, window_s: float) -> Spent:
        """See the port."""
        window_us = round(window_s * 1_000_000)
        allowed, left, wait_us = await self._redis.run(_SPEND, f"{self._prefix}:rate:{caller}", limit, window_us)
        return Spent(allowed == 1, left, wait_us / 1_000_000)

    async def close(self) -> None:
        """Let go of connections."""
        await self._redis.close()


def _read(value: bytes) -> ApiKey:
    try:
        return ApiKey.model_validate_json(value)
    except ValueError as error:
        raise StoreUnavailable("a key in the store can't be read by this version") from error
