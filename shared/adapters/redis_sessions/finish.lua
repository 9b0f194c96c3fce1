-- ARGV: number, kind of the answer, its members, row of the window ('' for none).
-- Returns {1, 0} for a frame that nobody waits for, {0, whether to send a message} else.
local number, kind, members, row = unpack(ARGV, 3, 6)
local running, meta, window, reset, asked = unpack(get('running', 'meta', 'window', 'reset', 'asked'))
if running ~= number then
  return {1, 0}
end
redis.call('HSET', S, 'running', '', 'losses', 0)
if row ~= '' and tonumber(number) > tonumber(reset) then
  redis.call('RPUSH', WINDOW, row)
  redis.call('LTRIM', WINDOW, -window, -1)
end
tell(kind, number, meta, members)
touch()
return {0, asked == '' and redis.call('LLEN', WAITING) > 0 and wake(now_us()) or 0}
