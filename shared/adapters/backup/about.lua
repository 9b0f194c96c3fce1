-- ARGV: prefix, job. Returns what is known of the job beside its own keys: {its state, since when it waits, microseconds
-- for which it is still kept, when its callback is due, its place among the dead, milliseconds its idempotency key holds}
-- ('' where there is none).
local P, id = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local v = redis.call('HMGET', P .. ':job:' .. id, 'state', 'lane', 'idempotency')
if not v[1] then
  return {}
end

local function place(key)
  return redis.call('ZSCORE', P .. key, id) or ''
end

local kept, holds = place(':retention'), ''
if kept ~= '' then
  kept = string.format('%.0f', kept - now)
end
if v[3] and v[3] ~= '' and redis.call('GET', v[3]) == id then
  holds = redis.call('PTTL', v[3])
end
return {v[1], place(':pending:' .. (v[2] or '')), kept, place(':callbacks'), place(':dead'), holds}
