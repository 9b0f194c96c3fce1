-- ARGV: error as JSON ('' if it was delivered), microseconds until the next try ('' for none).
-- A late failure doesn't undo what another try made of it.
local err, again = ARGV[3], ARGV[4]
local v = redis.call('HMGET', job, 'callback', 'finished', 'retention')
if v[1] ~= 'waiting' and not (v[1] == 'failed' and err == '') then
  return 0
end
local state = err == '' and 'delivered' or again == '' and 'failed' or 'waiting'
redis.call('HINCRBY', job, 'callback_tries', 1)
redis.call('HSET', job, 'callback', state, 'callback_error', err)
if state == 'waiting' then
  redis.call('ZADD', CALLBACKS, exact(now_us() + again), id)
else
  redis.call('ZREM', CALLBACKS, id)
  redis.call('ZADD', RETENTION, exact(outlived_at(v[2], v[3])), id)
end
return 1
