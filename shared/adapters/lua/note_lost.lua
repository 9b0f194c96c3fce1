-- ARGV: after how long, and at most (microseconds), limit, then the lanes whose queue is empty. Returns how many.
-- Jobs that may be lost go from the sets of those sent to DOUBTED, and from there, when it is certain, to OUTBOX: a
-- round looks at nothing else, however many wait.
local after, longest, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local at, room = now_us(), limit

-- `since`: when the wait of these jobs began; nil: when their message was sent.
local function doubt(sent, newest, since)
  local found = redis.call('ZRANGEBYSCORE', sent, '-inf', newest, 'WITHSCORES', 'LIMIT', 0, room)
  for i = 1, #found, 2 do
    local times = redis.call('HGET', key_of(found[i]), 'resent') or 0
    local grace = math.min(after * 2 ^ times, math.max(after, longest))
    redis.call('ZREM', sent, found[i])
    redis.call('ZADD', DOUBTED, exact((since or found[i + 1]) + grace), found[i])
    room = room - 1
  end
end

for i = 6, #ARGV do
  for priority = 0, 9 do
    doubt(sent_key(ARGV[i], priority), exact(at - after), nil)
  end
end
local passed = redis.call('HGETALL', PASSED)
for i = 1, #passed, 2 do
  local priority, lane = string.match(passed[i], '^(%d+):(.*)$')
  doubt(sent_key(lane, priority), '(' .. passed[i + 1], at)
end

local lost = redis.call('ZRANGEBYSCORE', DOUBTED, '-inf', exact(at), 'LIMIT', 0, limit)
for _, found in ipairs(lost) do
  redis.call('ZREM', DOUBTED, found)
  redis.call('HINCRBY', key_of(found), 'resent', 1)
  redis.call('ZADD', OUTBOX, 0, found)
end
return #lost
