-- ARGV: limit. Returns {id, fence, worker, …}, the longest ago first.
local answer = {}
for _, found in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', exact(now_us()), 'LIMIT', 0, ARGV[3])) do
  local v = redis.call('HMGET', key_of(found), 'fence', 'worker')
  answer[#answer + 1] = found
  answer[#answer + 1] = v[1]
  answer[#answer + 1] = v[2]
end
return answer
