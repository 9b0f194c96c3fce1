-- ARGV: fingerprint, idempotency key ('' for none), its time to live in seconds, lane, number of fields and
-- values, these, then the blobs. Returns {1, created} for a new job, {0, record} for a known one, {2} on conflict.
local fingerprint, key, ttl, lane, count = ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])

local function known(job_id)
  if redis.call('HGET', key_of(job_id), 'fingerprint') ~= fingerprint then
    return {2}
  end
  return {0, redis.call('HGETALL', key_of(job_id))}
end

local idempotency = ''
if key ~= '' then
  idempotency = P .. ':idempotency:' .. key
  local before = redis.call('GET', idempotency)
  if before then
    return known(before)
  end
end
if redis.call('EXISTS', job) == 1 then
  return known(id)
end

local at = now_us()
local order = redis.call('INCR', P .. ':order')
redis.call('HSET', job, unpack(ARGV, 8, 7 + count))
local head = redis.call('HGET', job, 'head')
local j = {seq = 0, head = head}
emit(j, at, state_body('PENDING', 0, 'null', ''))
redis.call('HSET', job, 'seq', j.seq, 'created', exact(at), 'order', order, 'idempotency', idempotency, 'blobs', #ARGV - 7 - count)
redis.call('ZADD', INDEX, order, id)
wait_in_lane(lane, at)
for i = 8 + count, #ARGV do
  redis.call('RPUSH', blobs_key, ARGV[i])
end
if key ~= '' then
  redis.call('SET', idempotency, id, 'EX', ttl)
end
return {1, exact(at)}
