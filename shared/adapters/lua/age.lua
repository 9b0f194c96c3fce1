-- Lets messages that waited long go one priority up, to where they are read next. A list is pushed to from the left and
-- read from the right.
-- KEYS: the lists of a queue, the first to be read at the start; then a hash of what is known of them.
-- ARGV: how long, in microseconds; how many at most of each list. Returns how many.
local known, after, limit = KEYS[#KEYS], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local at = time[1] * 1000000 + time[2]

local function up(list, above, number)
  local messages = redis.call('LRANGE', list, -number, -1)
  redis.call('LTRIM', list, 0, -number - 1)
  redis.call('RPUSH', above, unpack(messages))
  redis.call('HSET', known, list .. ':up', messages[1])
  return #messages
end

local raised = 0
for i = 2, #KEYS - 1 do
  local list, above = KEYS[i], KEYS[i - 1]
  local newest = redis.call('LINDEX', list, 0)
  -- The newest message of some time ago: what stands right of it has waited since then at least.
  local mark, since, last = unpack(redis.call('HMGET', known, list .. ':mark', list .. ':since', list .. ':up'))
  if not newest then
    if mark then
      redis.call('HDEL', known, list .. ':mark', list .. ':since', list .. ':up')
    end
  elseif not mark then
    redis.call('HSET', known, list .. ':mark', newest, list .. ':since', string.format('%.0f', at))
  elseif at - since >= after and not (last and redis.call('LPOS', above, last, 'RANK', -1)) then
    -- Not before those that went up last were read, or they would be overtaken.
    local place = redis.call('LPOS', list, mark, 'RANK', -1)
    if place then
      raised = raised + up(list, above, math.min(redis.call('LLEN', list) - place, limit))
    else
      redis.call('HSET', known, list .. ':mark', newest, list .. ':since', string.format('%.0f', at))
    end
  end
end
return raised
