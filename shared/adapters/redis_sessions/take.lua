-- ARGV: worker. Returns {number, spec, kind, content, window, received, queued, started}, times in microseconds; nil
-- when there is nothing to do.
local spec, running, window = unpack(get('spec', 'running', 'window'))
if not spec then
  return nil
end
redis.call('HSET', S, 'asked', '', 'asks', 0)
if running ~= '' then
  return nil
end
while true do
  local entry = redis.call('LPOP', WAITING)
  if not entry then
    return nil
  end
  local number, received, queued, kind, meta = read(entry)
  local content = redis.call('HGET', BLOBS, number)
  if content then
    local at = exact(now_us())
    redis.call('HDEL', BLOBS, number)
    redis.call('HSET', S, 'running', number, 'meta', meta, 'started', at, 'worker', ARGV[3])
    local rows = tonumber(window) > 1 and table.concat(redis.call('LRANGE', WINDOW, 1 - window, -1)) or ''
    return {tonumber(number), spec, kind, content, rows, received, queued, at}
  end
  tell('lost', number, meta, NOT_TAKEN)
end
