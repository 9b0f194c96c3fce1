"""Deep queues within a moment, and what the server does about a call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import redis

from shared.settings import Settings

_COPY = """
local P, id, first, last = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local TIMES = 1e12
local order = redis.call('HGET', P .. ':job:' .. id, 'order')

local function copy(number)
  return string.format('%08d-0000-4000-8000-000000000000', number)
end

for _, key in ipairs(redis.call('KEYS', P .. ':*')) do
  local type, of_job = redis.call('TYPE', key).ok, string.match(key, ':job:' .. id:gsub('%-', '%%-') .. '(.*)$')
  local score = type == 'zset' and tonumber(redis.call('ZSCORE', key, id) or nil)
  for number = first, last do
    if score then
      redis.call('ZADD', key, string.format('%.0f', score > TIMES and score or score + number), copy(number))
    elseif of_job then
      redis.call('COPY', key, P .. ':job:' .. copy(number) .. of_job)
      if of_job == '' then
        redis.call('HSET', P .. ':job:' .. copy(number), 'id', copy(number), 'order', order + number)
      end
    end
  end
end
redis.call('SET', P .. ':order', order + last)
"""


def deepen(client: redis.Redis, settings: Settings, job_id: str, first: int, last: int) -> None:
    """Jobs like this one, numbered so, wherever the store has it but in lists; as old as it is."""
    client.eval(_COPY, 0, settings.redis.prefix, job_id, first, last)


@dataclass(frozen=True, slots=True)
class Done:
    """Commands the server ran, those of scripts among them, and their microseconds."""

    commands: int
    usec: int


async def done_by(client: redis.Redis, call: Callable[[], Any]) -> Done:
    """What a call took. Nobody else may talk to the server."""
    before = _so_far(client)
    told = call()
    if isinstance(told, Awaitable):
        await told
    after = _so_far(client)
    return Done(after.commands - before.commands, after.usec - before.usec)


def _so_far(client: redis.Redis) -> Done:
    # INFO itself is left out: how often it was asked isn't what matters.
    stats = {name: each for name, each in client.info("commandstats").items() if name != "cmdstat_info"}
    return Done(sum(each["calls"] for each in stats.values()), sum(each["usec"] for each in stats.values()))
