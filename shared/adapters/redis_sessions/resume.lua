-- ARGV: token's hash, holder. Returns {spec, lane, turn, seq, age in microseconds, window, record, metas of open
-- frames}; nil for another token.
local token, spec, lane, turn, holder, seq, born, window, record =
  unpack(get('token', 'spec', 'lane', 'turn', 'holder', 'seq', 'born', 'window', 'record'))
if not token or token ~= ARGV[3] then
  return nil
end
redis.call('HSET', S, 'holder', ARGV[4], 'turn', turn + 1)
redis.call('PUBLISH', P .. ':sessions:' .. holder, id .. ' ' .. turn .. ' ')
touch()
local running, meta = unpack(get('running', 'meta'))
local open = running ~= '' and {meta} or {}
for _, entry in ipairs(redis.call('LRANGE', WAITING, 0, -1)) do
  open[#open + 1] = select(5, read(entry))
end
return {spec, lane, turn + 1, tonumber(seq), exact(now_us() - born), tonumber(window), record, open}
