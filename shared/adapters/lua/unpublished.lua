-- ARGV: age in microseconds, limit, how many to leave out. Returns the records, oldest first.
local answer = {}
for _, found in ipairs(redis.call('ZRANGEBYSCORE', OUTBOX, '-inf', exact(now_us() - ARGV[3]), 'LIMIT', ARGV[5], ARGV[4])) do
  answer[#answer + 1] = redis.call('HGETALL', key_of(found))
end
return answer
