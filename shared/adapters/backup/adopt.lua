-- ARGV: what about.lua said of the job, from its second item on, and the prefix it had then. Its own keys are there
-- already; everything that leads to it is made here. Returns whether it was unknown (0 or 1).
local since, kept, callback, dead, holds, before = unpack(ARGV, 3, 8)
local v = redis.call('HMGET', job, 'state', 'order', 'tenant', 'lane', 'caller', 'active_of', 'created', 'expires', 'fence',
  'idempotency')
local state, order, tenant, lane, caller, active_of, created, expires, fence, key = unpack(v)
if not state or redis.call('ZSCORE', INDEX, id) then
  return 0
end
local at = now_us()
redis.call('ZADD', INDEX, order, id)
redis.call('ZADD', index_of(INDEX, tenant), order, id)
if tonumber(order) > tonumber(redis.call('GET', P .. ':order') or 0) then
  redis.call('SET', P .. ':order', order)
end
if key and key ~= '' then
  key = idempotency_key(string.sub(key, #before + #':idempotency:' + 1))
  redis.call('HSET', job, 'idempotency', key)
  if holds ~= '' and tonumber(holds) > 0 then
    redis.call('SET', key, id, 'PX', holds)
  end
end
if TERMINAL[state] then
  redis.call('ZADD', ended_key(state), order, id)
  redis.call('ZADD', RETENTION, kept ~= '' and exact(at + kept) or exact(outlived_at(at, nil)), id)
  if callback ~= '' then
    redis.call('ZADD', CALLBACKS, callback, id)
  end
  if dead ~= '' then
    redis.call('ZADD', DEAD, order, id)
    redis.call('ZADD', index_of(DEAD, tenant), order, id)
  end
  return 1
end
if active_of and active_of ~= '' then
  redis.call('HINCRBY', ACTIVE, active_of, 1)
end
if state == 'PENDING' then
  -- Its message, if there still is one, is elsewhere: it is sent as if nobody had.
  since = since ~= '' and since or created
  redis.call('HDEL', job, 'resent')
  count_in(lane, since, caller)
  redis.call('ZADD', OUTBOX, since, id)
  if fence == '0' and expires and expires ~= '' then
    redis.call('ZADD', DEADLINES, exact(created + expires), id)
  end
else
  redis.call('ZADD', LEASES, 0, id)
end
return 1
