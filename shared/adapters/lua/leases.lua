-- ARGV: worker whose leases are wanted ('' for those of anybody that ran out), limit (-1 for none).
-- Returns {id, fence, worker, …}, the lease that ends first at the start.
local wanted = ARGV[3]
local newest = wanted == '' and exact(now_us()) or '+inf'
local answer = {}
for _, found in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', newest, 'LIMIT', 0, ARGV[4])) do
  local v = redis.call('HMGET', key_of(found), 'fence', 'worker')
  if wanted == '' or wanted == v[2] then
    answer[#answer + 1] = found
    answer[#answer + 1] = v[1]
    answer[#answer + 1] = v[2]
  end
end
return answer
