-- ARGV: what, period in microseconds. Returns whether the caller has it (0 or 1).
local what, period = ARGV[3], ARGV[4]
local turns, at = P .. ':turns', now_us()
if at < tonumber(redis.call('HGET', turns, what) or 0) then
  return 0
end
redis.call('HSET', turns, what, exact(at + period))
return 1
