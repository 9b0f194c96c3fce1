-- ARGV: fence, lease in microseconds. Returns whether the job was asked to stop (0 or 1), -1 if stale.
local j = held(ARGV[3])
if not j then
  return -1
end
redis.call('ZADD', LEASES, exact(now_us() + ARGV[4]), id)
return j.cancel and 1 or 0
