-- Returns {number of items there should be, those there are, pieces of each blob ('' where each is one item)}; nil
-- without such a job.
local v = redis.call('HMGET', job, 'blobs', 'pieces')
if not v[1] then
  return nil
end
return {tonumber(v[1]), redis.call('LRANGE', blobs_key, 0, -1), v[2] or ''}
