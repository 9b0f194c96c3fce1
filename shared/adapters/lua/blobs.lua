-- Returns {number there should be, those there are}; nil without such a job.
local count = redis.call('HGET', job, 'blobs')
if not count then
  return nil
end
return {tonumber(count), redis.call('LRANGE', blobs_key, 0, -1)}
