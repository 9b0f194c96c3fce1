-- ARGV: outcome if it ends now, as JSON. Returns {0} without such a job, {1, record}, or {2, state} once it ended.
local j = load()
if not j then
  return {0}
end
if TERMINAL[j.state] then
  return {2, j.state}
end
if j.state == 'PENDING' then
  become(j, 'CANCELLED', now_us(), 'null', ARGV[3], {'cancel', '1'})
elseif not j.cancel then
  emit(j, now_us(), '"type":"cancel_requested"')
  redis.call('HSET', job, 'cancel', '1', 'stop_outcome', ARGV[3], 'seq', j.seq)
end
return {1, redis.call('HGETALL', job)}
