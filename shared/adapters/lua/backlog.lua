-- Returns {lane, depth, microseconds the oldest waits ('' for none), …}.
local at, answer = now_us(), {}
for _, lane in ipairs(redis.call('SMEMBERS', LANES)) do
  local oldest = redis.call('ZRANGE', pending_key(lane), 0, 0, 'WITHSCORES')[2]
  answer[#answer + 1] = lane
  answer[#answer + 1] = redis.call('ZCARD', pending_key(lane))
  answer[#answer + 1] = oldest and exact(math.max(0, at - oldest)) or ''
end
return answer
