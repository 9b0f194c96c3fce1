-- ARGV: token's hash, spec, lane, holder, queue ('' for none), message, rows of the window, whether it is recorded.
local at = exact(now_us())
local token, spec, lane, holder, queue, message, window, record = unpack(ARGV, 3, 10)
redis.call('HSET', S, 'token', token, 'spec', spec, 'lane', lane, 'holder', holder, 'queue', queue, 'message', message,
  'window', window, 'record', record, 'turn', 1, 'born', at, 'number', 0, 'seq', 0, 'dropped', 0, 'running', '',
  'asked', '', 'asks', 0, 'losses', 0, 'reset', 0)
redis.call('PEXPIRE', S, IDLE_MS)
if record == '1' then
  redis.call('SADD', RECORDED, id)
end
return 1
