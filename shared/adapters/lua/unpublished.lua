-- ARGV: age in microseconds, limit. Returns the records, oldest first.
local answer = {}
for _, found in ipairs(redis.call('ZRANGEBYSCORE', OUTBOX, '-inf', exact(now_us() - ARGV[3]), 'LIMIT', 0, ARGV[4])) do
  answer[#answer + 1] = redis.call('HGETALL', key_of(found))
end
return answer
