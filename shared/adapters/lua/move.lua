-- ARGV: fence and lane of the job as the caller knows it, the lane it goes to, the head of its events from now on,
-- its progress. Returns whether it was moved (0 or 1). Its wait goes on; its message must be sent anew.
local fence, from, to, head, progress = unpack(ARGV, 3)
local j = load()
if not j or j.state ~= 'PENDING' or j.fence ~= tonumber(fence) or j.lane ~= from or from == to then
  return 0
end
local since = redis.call('ZSCORE', pending_key(from), id)
if redis.call('HGET', job, 'device') ~= 'AUTO' or not since then
  return 0
end
redis.call('ZREM', pending_key(from), id)
redis.call('ZREM', sent_key(from, j.priority), id)
redis.call('ZREM', DOUBTED, id)
redis.call('HDEL', job, 'resent')
redis.call('SADD', LANES, to)
redis.call('ZADD', pending_key(to), since, id)
redis.call('ZADD', OUTBOX, 0, id)
j.head = head
emit_newest(j, now_us(), 'progress', '"progress":' .. progress)
redis.call('HSET', job, 'lane', to, 'head', head, 'progress', progress, 'seq', j.seq)
return 1
