-- ARGV: lane, limit, how many to look at. Returns the records of PENDING jobs that named no device, the longest
-- waiting first.
local lane, limit, scan, answer = ARGV[3], tonumber(ARGV[4]), ARGV[5], {}
for _, found in ipairs(redis.call('ZRANGE', pending_key(lane), 0, scan - 1)) do
  if #answer < limit and redis.call('HGET', key_of(found), 'device') == 'AUTO' then
    answer[#answer + 1] = redis.call('HGETALL', key_of(found))
  end
end
return answer
