-- ARGV: fence, worker as JSON, error as JSON, outcome if no attempt is left, progress of a job that waits again,
-- attempts it costs (0 or 1). Returns the state, nil if stale.
local fence, worker, err, failed, queued, costs = unpack(ARGV, 3)
local j = held(fence)
if not j then
  return nil
end
local at = now_us()
local changes = {'attempts', attempts_with(j, worker, at, err)}
if j.cancel then
  become(j, 'CANCELLED', at, worker, redis.call('HGET', job, 'stop_outcome'), changes)
  return 'CANCELLED'
end
local used = j.attempt + costs
local v = redis.call('HMGET', job, 'max_attempts', 'order', 'tenant')
if used >= tonumber(v[1]) then
  become(j, 'FAILED', at, worker, failed, changes)
  redis.call('ZADD', DEAD, v[2], id)
  redis.call('ZADD', index_of(DEAD, v[3]), v[2], id)
  redis.call('PERSIST', blobs_key)  -- it may be requeued as long as it is kept
  return 'FAILED'
end
j.attempt = used
changes[3], changes[4] = 'progress', queued
become(j, 'PENDING', at, worker, '', changes)
return 'PENDING'
