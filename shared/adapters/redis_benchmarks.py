"""Results of measurements in Redis: a hash of each, and a sorted set of their ids in the order they were kept."""

import json
from collections.abc import Sequence
from typing import Any

import structlog

from shared.adapters.benchmark_records import hardware, not_found, tags, wanted
from shared.adapters.records import SCAN_LIMIT, read_cursor, write_cursor
from shared.adapters.redis_connection import AsyncRedis, BlockingRedis, Script
from shared.adapters.redis_jobs.scripts import ALLOW_OOM
from shared.benchmarks import Benchmark, BenchmarkSummary
from shared.circuit import Circuit
from shared.errors import StoreUnavailable
from shared.ports import BenchmarkPage, BenchmarkQuery
from shared.settings import Settings

# ARGV: prefix, id, tenant, then fields and values.
_KEEP = Script.of("""
local P, id = ARGV[1], ARGV[2]
local key = P .. ':benchmark:' .. id
redis.call('DEL', key)
redis.call('HSET', key, unpack(ARGV, 4))
if not redis.call('ZSCORE', P .. ':benchmarks', id) then
  local order = redis.call('INCR', P .. ':benchmarks:order')
  redis.call('ZADD', P .. ':benchmarks', order, id)
  redis.call('ZADD', P .. ':benchmarks:of:' .. ARGV[3], order, id)
end
return 1
""")
_REMOVE = Script.of(
    ALLOW_OOM
    + """
local P, id = ARGV[1], ARGV[2]
redis.call('ZREM', P .. ':benchmarks', id)
local tenant = redis.call('HGET', P .. ':benchmark:' .. id, 'tenant') or 'default'
redis.call('ZREM', P .. ':benchmarks:of:' .. tenant, id)
return redis.call('DEL', P .. ':benchmark:' .. id)
"""
)
# ARGV: prefix, '(order' to go on below or '+inf', limit, how many to look at, part of the hardware's name, the end
# of the index's name, tags.
# Returns {order to go on below ('' at the end), summary, …}, newest first.
_FIND = Script.of(
    ALLOW_OOM
    + """
local P, below, limit, scan, hardware = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local index, BATCH = P .. ':benchmarks' .. ARGV[6], 100

local function fits(v)
  if not v[1] or not string.find(v[2], hardware, 1, true) then
    return false
  end
  local has = {}
  for _, tag in ipairs(cjson.decode(v[3])) do
    has[tag] = true
  end
  for i = 7, #ARGV do
    if not has[ARGV[i]] then
      return false
    end
  end
  return true
end

local page, seen = {''}, 0
while true do
  local found = redis.call('ZREVRANGEBYSCORE', index, below, '-inf', 'WITHSCORES', 'LIMIT', seen, BATCH)
  for i = 1, #found, 2 do
    seen = seen + 1
    local v = redis.call('HMGET', P .. ':benchmark:' .. found[i], 'summary', 'hardware', 'tags')
    if fits(v) then
      page[#page + 1] = v[1]
    end
    if #page > limit or seen >= scan then
      if redis.call('ZCOUNT', index, '-inf', '(' .. found[i + 1]) > 0 then
        page[1] = found[i + 1]
      end
      return page
    end
  end
  if #found < 2 * BATCH then
    return page
  end
end
"""
)

log = structlog.stdlib.get_logger()


class RedisBenchmarkStore:
    """BenchmarkStore on Redis. Used from one event loop."""

    def __init__(self, settings: Settings, circuit: Circuit | None = None) -> None:
        self._prefix = settings.redis.prefix
        self._redis = AsyncRedis(settings, circuit)

    async def find(self, query: BenchmarkQuery) -> BenchmarkPage:
        """See the port."""
        below = "+inf" if query.cursor is None else f"({read_cursor(query.cursor)}"
        index = "" if query.tenant is None else f":of:{query.tenant}"
        arguments = (below, query.limit, SCAN_LIMIT, hardware(query.hardware), index, *wanted(query))
        reply: list[Any] = await self._redis.run(_FIND, self._prefix, *arguments)
        return BenchmarkPage(_readable(reply[1:]), write_cursor(int(reply[0])) if reply[0] else None)

    async def get(self, benchmark_id: str) -> Benchmark:
        """See the port."""
        value: bytes | None = await self._redis.command(
            "HGET", f"{self._prefix}:benchmark:{benchmark_id}", "benchmark"
        )
        if value is None:
            raise not_found(benchmark_id)
        try:
            return Benchmark.model_validate_json(value)
        except ValueError as error:
            raise StoreUnavailable(f"benchmark {benchmark_id} can't be read by this version: {error}") from error

    async def remove(self, benchmark_id: str) -> None:
        """See the port."""
        if not await self._redis.run(_REMOVE, self._prefix, benchmark_id):
            raise not_found(benchmark_id)

    async def close(self) -> None:
        """Let go of connections."""
        await self._redis.close()


class RedisBenchmarkWriter:
    """BenchmarkWriter on Redis; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.redis.prefix
        self._redis = BlockingRedis(settings)

    def keep(self, benchmark: Benchmark) -> None:
        """See the port."""
        fields = {
            "summary": benchmark.summary().model_dump_json(),
            "hardware": hardware(benchmark.hardware),
            "tags": json.dumps(tags(benchmark), ensure_ascii=False),
            "benchmark": benchmark.model_dump_json(),
            "tenant": benchmark.tenant,
        }
        flat = [part for field in fields.items() for part in field]
        self._redis.run(_KEEP, self._prefix, benchmark.id, benchmark.tenant, *flat)

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()


def _readable(summaries: Sequence[bytes]) -> list[BenchmarkSummary]:
    found: list[BenchmarkSummary] = []
    for each in summaries:
        try:
            found.append(BenchmarkSummary.model_validate_json(each))
        except ValueError as error:
            log.warning("benchmark_unreadable", reason=str(error))
    return found
