-- Lets messages that waited long go one priority up, to where they are read next. A list is pushed to from the left and
-- read from the right.
-- KEYS: the lists of a queue, the first to be read at the start; then a hash of what is known of them.
-- ARGV: how long, in microseconds; how many at most of each list. Returns how many.
local known, after, limit = KEYS[#KEYS], tonumber(ARGV[1]), tonumber(ARGV[2])
-- However many wait, so many of those that are read next are looked at; many more than a round lets go up.
local LOOKED_AT = 1000
local time = redis.call('TIME')
local at = time[1] * 1000000 + time[2]

local function up(list, above, number)
  local messages = redis.call('LRANGE', list, -number, -1)
  redis.call('LTRIM', list, 0, -number - 1)
  redis.call('RPUSH', above, unpack(messages))
  redis.call('HSET', known, list .. ':up', messages[1])
  return #messages
end

-- Where the message is, from the left; nil if it was taken. Few that went up may stand right of those looked at.
local function place_of(message, list)
  return redis.call('LPOS', list, message, 'RANK', -1, 'MAXLEN', LOOKED_AT + limit)
end

local raised = 0
for i = 2, #KEYS - 1 do
  local list, above = KEYS[i], KEYS[i - 1]
  local newest = redis.call('LINDEX', list, -LOOKED_AT) or redis.call('LINDEX', list, 0)
  -- The newest of those looked at some time ago: what stands right of it has waited since then at least.
  local mark, since, last = unpack(redis.call('HMGET', known, list .. ':mark', list .. ':since', list .. ':up'))
  if not newest then
    if mark then
      redis.call('HDEL', known, list .. ':mark', list .. ':since', list .. ':up')
    end
  elseif not mark then
    redis.call('HSET', known, list .. ':mark', newest, list .. ':since', string.format('%.0f', at))
  elseif at - since >= after and not (last and place_of(last, above)) then
    -- Not before those that went up last were read, or they would be overtaken.
    local place = place_of(mark, list)
    if place then
      raised = raised + up(list, above, math.min(redis.call('LLEN', list) - place, limit))
    else
      redis.call('HSET', known, list .. ':mark', newest, list .. ':since', string.format('%.0f', at))
    end
  end
end
return raised
