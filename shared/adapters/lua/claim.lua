-- ARGV: worker, worker as JSON, lease in microseconds, outcome of a job that expired, progress at the start, then
-- the lanes whose jobs are wanted (none: of any).
-- Returns {record, blobs}, nil when there is nothing to run, or 'NEWER' for what only a later version can read.
local worker, worker_json, lease, expired, progress = unpack(ARGV, 3)
local LANES_FROM = 8
local j = load()
if not j or j.state ~= 'PENDING' then
  return nil
end
local wanted = #ARGV < LANES_FROM
for i = LANES_FROM, #ARGV do
  wanted = wanted or ARGV[i] == j.lane
end
if not wanted then
  return nil
end
local kind, format = unpack(redis.call('HMGET', job, 'kind', 'format'))
if tonumber(format or 1) > (FORMATS[kind] or 0) then
  return 'NEWER'
end
local at = now_us()
if j.fence == 0 then
  local v = redis.call('HMGET', job, 'created', 'expires')
  if v[2] ~= '' and at > v[1] + v[2] then
    become(j, 'FAILED', at, 'null', expired, {})
    return nil
  end
end
become(j, 'RUNNING', at, worker_json, '', {
  'fence', j.fence + 1, 'worker', worker, 'started', exact(at), 'progress', progress,
})
-- Records of an earlier attempt are dropped; the number after theirs stands for that.
local recorded, restarted = unpack(redis.call('HMGET', job, 'records', 'restarted'))
if tonumber(recorded or 0) > tonumber(restarted or 0) then
  redis.call('UNLINK', records_key)
  redis.call('HSET', job, 'records', recorded + 1, 'restarted', recorded + 1)
end
redis.call('ZADD', LEASES, exact(at + lease), id)
return {redis.call('HGETALL', job), redis.call('LRANGE', blobs_key, 0, -1)}
