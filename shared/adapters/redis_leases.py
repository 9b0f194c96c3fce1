"""Leases of devices in Redis: a hash per lease that dies with it; who yields is noted in it."""

from collections.abc import Sequence

from shared.adapters.redis_connection import BlockingRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.settings import Settings
from shared.workers import DeviceLease

# ARGV: prefix, host, device, holder, then milliseconds or a worker.
_HEAD = (
    ALLOW_OOM
    + """
local P, host, device, holder = unpack(ARGV)
local function key_of(name) return P .. ':device-lease:' .. name end
local name = cjson.encode({host, device})
local key = key_of(name)
local has = redis.call('HGET', key, 'holder')
"""
)
_ACQUIRE = Script.of(
    _HEAD
    + """
if has and has ~= holder then
  return 0
end
redis.call('HSET', key, 'holder', holder)
redis.call('PEXPIRE', key, ARGV[5])
redis.call('SADD', P .. ':device-leases', name)
return 1
"""
)
_RENEW = Script.of(
    _HEAD
    + """
if has ~= holder then
  return 0
end
redis.call('PEXPIRE', key, ARGV[5])
return 1
"""
)
_RELEASE = Script.of(
    _HEAD
    + """
if has == holder then
  redis.call('DEL', key)
  redis.call('SREM', P .. ':device-leases', name)
end
return 1
"""
)
_YIELD = Script.of(
    _HEAD
    + """
if has == holder then
  redis.call('HSET', key, 'yielded:' .. ARGV[5], 1)
end
return 1
"""
)
LIST_LEASES = Script.of(
    _HEAD
    + """
local answer = {}
for _, each in ipairs(redis.call('SMEMBERS', P .. ':device-leases')) do
  local fields = redis.call('HGETALL', key_of(each))
  local wanted = host == '' or each == name
  if #fields == 0 then
    redis.call('SREM', P .. ':device-leases', each)
  elseif wanted then
    local place = cjson.decode(each)
    answer[#answer + 1] = {place[1], place[2], redis.call('PTTL', key_of(each)), fields}
  end
end
return answer
"""
)


class RedisDeviceLeases:
    """DeviceLeases on Redis; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)

    def acquire(self, host: str, device: str, holder: str, ttl_s: float) -> bool:
        """See the port."""
        return self._run(_ACQUIRE, host, device, holder, _milliseconds(ttl_s)) == 1

    def renew(self, host: str, device: str, holder: str, ttl_s: float) -> bool:
        """See the port."""
        return self._run(_RENEW, host, device, holder, _milliseconds(ttl_s)) == 1

    def release(self, host: str, device: str, holder: str) -> None:
        """See the port."""
        self._run(_RELEASE, host, device, holder)

    def yield_to(self, host: str, device: str, holder: str, worker: str) -> None:
        """See the port."""
        self._run(_YIELD, host, device, holder, worker)

    def get(self, host: str, device: str) -> DeviceLease | None:
        """See the port."""
        return next(iter(read_leases(self._redis.run(LIST_LEASES, self._prefix, host, device, ""))), None)

    def list(self) -> list[DeviceLease]:
        """See the port."""
        return read_leases(self._redis.run(LIST_LEASES, self._prefix, "", "", ""))

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()

    def _run(self, script: Script, *arguments: str | int) -> int:
        return self._redis.run(script, self._prefix, *arguments)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def read_leases(reply: Sequence[tuple[bytes, bytes, int, Sequence[bytes]]]) -> list[DeviceLease]:
    """What LIST_LEASES answered, in the order of hosts and devices."""
    found = [_lease(host, device, left, fields) for host, device, left, fields in reply]
    return sorted(found, key=lambda lease: (lease.host, lease.device))


def _lease(host: bytes, device: bytes, left_ms: int, fields: Sequence[bytes]) -> DeviceLease:
    said = {name.decode(): value.decode() for name, value in zip(fields[::2], fields[1::2], strict=True)}
    workers = (name.removeprefix("yielded:") for name in said if name.startswith("yielded:"))
    return DeviceLease(
        host=host.decode(),
        device=device.decode(),
        holder=said["holder"],
        left_s=max(left_ms, 0) / 1000,
        yielded=frozenset(workers),
    )
