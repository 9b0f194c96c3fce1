-- ARGV: for how long they are the caller's (microseconds), limit. Returns {id, url, event, tries, microseconds since the end, …}.
local at, answer = now_us(), {}
for _, found in ipairs(redis.call('ZRANGEBYSCORE', CALLBACKS, '-inf', exact(at), 'LIMIT', 0, ARGV[4])) do
  turn_to(found)
  redis.call('ZADD', CALLBACKS, exact(at + ARGV[3]), id)
  local v = redis.call('HMGET', job, 'callback_url', 'callback_tries', 'finished')
  local last = redis.call('XREVRANGE', events_key, '+', '-', 'COUNT', 1)[1]
  for _, part in ipairs({id, v[1], last[2][2], v[2], exact(at - v[3])}) do
    answer[#answer + 1] = part
  end
end
return answer
