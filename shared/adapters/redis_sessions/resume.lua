-- ARGV: token's hash, holder. Returns {spec, lane, turn, seq, age in microseconds, window, record}; nil for another token.
local token, spec, lane, turn, holder, seq, born, window, record =
  unpack(get('token', 'spec', 'lane', 'turn', 'holder', 'seq', 'born', 'window', 'record'))
if not token or token ~= ARGV[3] then
  return nil
end
redis.call('HSET', S, 'holder', ARGV[4], 'turn', turn + 1)
redis.call('PUBLISH', P .. ':sessions:' .. holder, id .. ' ' .. turn .. ' ')
touch()
return {spec, lane, turn + 1, tonumber(seq), exact(now_us() - born), tonumber(window), record}
