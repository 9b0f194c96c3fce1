-- ARGV: fence, worker as JSON, error as JSON, outcome if no attempt is left, progress of a job that waits again.
-- Returns the state, nil if stale.
local fence, worker, err, failed, queued = unpack(ARGV, 3)
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
if j.attempt + 1 >= tonumber(redis.call('HGET', job, 'max_attempts')) then
  become(j, 'FAILED', at, worker, failed, changes)
  return 'FAILED'
end
j.attempt = j.attempt + 1
changes[3], changes[4] = 'progress', queued
become(j, 'PENDING', at, worker, '', changes)
return 'PENDING'
