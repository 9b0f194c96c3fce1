-- ARGV: turn. Returns {whether to send a message, frames in a row that were lost while they ran, frames without answer}.
local no = refuse(ARGV[3])
if no then
  return no
end
local at = now_us()
local running, started, meta, worker, asked, asks = unpack(get('running', 'started', 'meta', 'worker', 'asked', 'asks'))
if running ~= '' and at - started >= LOST_US then
  redis.call('HSET', S, 'running', '')
  redis.call('HINCRBY', S, 'losses', 1)
  tell('lost', running, meta, NOT_FINISHED)
  running = ''
end
-- While one runs, those behind it wait for its answer: answers come in the order of frames.
while running == '' do
  local entry = redis.call('LINDEX', WAITING, 0)
  if not entry then
    break
  end
  local number, _, queued, _, its_meta = read(entry)
  if at - queued < LOST_US then
    break
  end
  redis.call('LPOP', WAITING)
  redis.call('HDEL', BLOBS, number)
  tell('lost', number, its_meta, NOT_TAKEN)
end
local waiting, send = redis.call('LLEN', WAITING), 0
-- A lane that nobody serves mustn't fill with messages: each waits twice as long as the one before.
local again = asked == '' or at - asked >= AGAIN_US * 2 ^ math.min(tonumber(asks) - 1, 6)
if waiting > 0 and running == '' and again then
  send = wake(at)
end
return {send, tonumber(redis.call('HGET', S, 'losses')), waiting + (running == '' and 0 or 1)}
