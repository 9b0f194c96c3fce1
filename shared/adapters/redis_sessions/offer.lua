-- ARGV: turn, kind, meta, microseconds since the gateway got it, content.
-- Returns {number, whether to send a message, what is told of dropped frames}.
local turn, kind, meta, held, content = unpack(ARGV, 3, 7)
local no = refuse(turn)
if no then
  return no
end
local at = now_us()
local running, asked = unpack(get('running', 'asked'))
local number = redis.call('HINCRBY', S, 'number', 1)
local room, waiting, dropped = IN_FLIGHT - (running == '' and 0 or 1), redis.call('LLEN', WAITING), {}
while waiting >= room do
  local old, _, _, _, its_meta = read(redis.call('LPOP', WAITING))
  redis.call('HDEL', BLOBS, old)
  dropped[#dropped + 1] = told('dropped', old, its_meta, redis.call('HINCRBY', S, 'dropped', 1), '') .. '}'
  waiting = waiting - 1
end
redis.call('RPUSH', WAITING, table.concat({number, exact(at - held), exact(at), kind, meta}, ' '))
redis.call('HSET', BLOBS, number, content)
redis.call('PEXPIRE', BLOBS, BLOB_MS)
touch()
return {number, running == '' and asked == '' and wake(at) or 0, dropped}
