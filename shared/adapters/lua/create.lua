-- ARGV: fingerprint, idempotency key ('' for none), its time to live in seconds, lane, list to push the message to
-- ('' to leave that to others), the message, number of fields and values, these, then the blobs. Returns {1, created} for a new job, {0, record} for a known one, {2} on conflict.
local fingerprint, key, ttl, lane, queue, message, count = unpack(ARGV, 3, 9)
local FIRST = 10
count = tonumber(count)

local before = known(fingerprint, key)
if before then
  return before
end
local idempotency = key ~= '' and idempotency_key(key) or ''

local at = now_us()
local order = redis.call('INCR', P .. ':order')
redis.call('HSET', job, unpack(ARGV, FIRST, FIRST + count - 1))
local v = redis.call('HMGET', job, 'head', 'priority', 'expires')
local j = {seq = 0, head = v[1]}
emit(j, at, state_body('PENDING', 0, 'null', ''))
redis.call('HSET', job, 'seq', j.seq, 'created', exact(at), 'order', order, 'idempotency', idempotency, 'blobs', #ARGV - FIRST + 1 - count)
redis.call('ZADD', INDEX, order, id)
wait_in_lane(lane, at)
if v[3] ~= '' then
  redis.call('ZADD', DEADLINES, exact(at + v[3]), id)
end
for i = FIRST + count, #ARGV do
  redis.call('RPUSH', blobs_key, ARGV[i])
end
if queue ~= '' then
  redis.call('LPUSH', queue, message)
  sent_at(lane, v[2], at)
end
if key ~= '' then
  redis.call('SET', idempotency, id, 'EX', ttl)
end
return {1, exact(at)}
