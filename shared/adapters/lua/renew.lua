-- ARGV: lease in microseconds, then of each attempt its job and fence. Returns of each whether the job was asked to stop
-- (0 or 1), -1 if stale.
local until_us, leases, answer = exact(now_us() + ARGV[3]), {}, {}
for i = 4, #ARGV, 2 do
  turn_to(ARGV[i])
  local v = redis.call('HMGET', job, 'state', 'fence', 'cancel')
  if v[1] == 'RUNNING' and tonumber(v[2]) == tonumber(ARGV[i + 1]) then
    leases[#leases + 1] = until_us
    leases[#leases + 1] = id
    answer[#answer + 1] = v[3] == '1' and 1 or 0
  else
    answer[#answer + 1] = -1
  end
end
if #leases > 0 then
  redis.call('ZADD', LEASES, unpack(leases))
end
return answer
