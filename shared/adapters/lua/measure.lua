-- ARGV: fence, figures of the streams as JSON, then of each record its stream and its JSON. Returns whether the job
-- was asked to stop (0 or 1), -1 if stale.
local j = held(ARGV[3])
if not j then
  return -1
end
local count = tonumber(redis.call('HGET', job, 'records') or 0)
for i = 5, #ARGV, 2 do
  count = count + 1
  redis.call('XADD', records_key, 'MAXLEN', RECORDS_KEPT, count .. '-0', 's', ARGV[i], 'r', ARGV[i + 1])
end
emit_newest(j, now_us(), 'figures', '"streams":' .. ARGV[4] .. ',"records":' .. count)
redis.call('HSET', job, 'seq', j.seq, 'records', count)
return j.cancel and 1 or 0
