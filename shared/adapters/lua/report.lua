-- ARGV: fence, progress as JSON. Returns whether the job was asked to stop (0 or 1), -1 if stale.
local j = held(ARGV[3])
if not j then
  return -1
end
emit_newest(j, now_us(), 'progress', '"progress":' .. ARGV[4])
redis.call('HSET', job, 'progress', ARGV[4], 'seq', j.seq)
return j.cancel and 1 or 0
