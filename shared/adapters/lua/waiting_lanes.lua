-- ARGV: age in microseconds. Returns the lanes.
local answer, newest = {}, exact(now_us() - ARGV[3])
for _, lane in ipairs(redis.call('SMEMBERS', LANES)) do
  local found = 0
  for priority = 0, 9 do
    found = found + redis.call('ZCOUNT', sent_key(lane, priority), '-inf', newest)
  end
  if found > 0 then
    answer[#answer + 1] = lane
  end
end
return answer
