-- ARGV: turn, lane, queue ('' for none), message.
local no = refuse(ARGV[3])
if no then
  return no
end
redis.call('HSET', S, 'lane', ARGV[4], 'queue', ARGV[5], 'message', ARGV[6], 'asked', '', 'asks', 0)
return {1}
