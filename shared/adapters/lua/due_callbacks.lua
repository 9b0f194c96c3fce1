-- ARGV: for how long they are the caller's (microseconds), limit. Returns {id, url, event, tries, microseconds since the end, …}.
local at, answer = now_us(), {}
for _, found in ipairs(redis.call('ZRANGEBYSCORE', CALLBACKS, '-inf', exact(at), 'LIMIT', 0, ARGV[4])) do
  turn_to(found)
  redis.call('ZADD', CALLBACKS, exact(at + ARGV[3]), id)
  local v = redis.call('HMGET', job, 'callback_url', 'callback_tries', 'finished')
  local last = redis.call('LINDEX', told_key, -1)
  -- A process of an older version may have ended it.
  local other = redis.call('XREVRANGE', stream_key(), '+', '-', 'COUNT', 1)[1]
  if other and (not last or seq_of(other[2][2]) > seq_of(last)) then
    last = other[2][2]
  end
  for _, part in ipairs({id, v[1], last, v[2], exact(at - v[3])}) do
    answer[#answer + 1] = part
  end
end
return answer
