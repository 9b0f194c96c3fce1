-- What all scripts of sessions share. ARGV: prefix, session; then what each says of itself.
local P, id = ARGV[1], ARGV[2]
local S = P .. ':session:' .. id
local WAITING, BLOBS, WINDOW, ANSWERS = S .. ':waiting', S .. ':blobs', S .. ':window', S .. ':answers'
local RECORD, FILED, RECORDED = S .. ':record', S .. ':filed', P .. ':sessions:recorded'
local GONE, TAKEN = {-1}, {-2}

local function exact(number)
  return string.format('%.0f', number)
end

local function now_us()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function get(...)
  return redis.call('HMGET', S, ...)
end

-- nil if the turn is the holder's, else what to answer.
local function refuse(turn)
  local held = redis.call('HGET', S, 'turn')
  if not held then
    return GONE
  end
  return held ~= turn and TAKEN or nil
end

local function touch()
  for _, key in ipairs({S, WAITING, WINDOW, ANSWERS}) do
    redis.call('PEXPIRE', key, IDLE_MS)
  end
end

local function told(kind, number, meta, dropped, members)
  return '{"type":"' .. kind .. '",' .. members .. '"number":' .. number .. ',' .. meta .. ',"dropped":' .. dropped
end

-- An answer: numbered, kept, recorded and published in one step. `members` end with a brace.
local function tell(kind, number, meta, members)
  local seq = redis.call('HINCRBY', S, 'seq', 1)
  local holder, turn, dropped, record = unpack(get('holder', 'turn', 'dropped', 'record'))
  local text = told(kind, number, meta, dropped, '"seq":' .. seq .. ',') .. ',' .. members
  redis.call('RPUSH', ANSWERS, text)
  redis.call('LTRIM', ANSWERS, -ANSWERS_KEPT, -1)
  if record == '1' then
    redis.call('RPUSH', RECORD, text)
  end
  redis.call('PUBLISH', P .. ':sessions:' .. holder, id .. ' ' .. turn .. ' ' .. text)
end

-- Have a worker look after the next frame: 0, or 1 where whoever called must send the message.
local function wake(at)
  local queue, message = unpack(get('queue', 'message'))
  redis.call('HSET', S, 'asked', exact(at))
  local asks = redis.call('HINCRBY', S, 'asks', 1)
  if queue == '' then
    return 1
  end
  -- A message of its own for whoever counts them by their tags.
  local from, to = string.find(message, TAG, 1, true)
  redis.call('LPUSH', queue, string.sub(message, 1, from - 1) .. id .. '-' .. redis.call('HINCRBY', S, 'messages', 1) .. string.sub(message, to + 1))
  return 0
end

-- number, received, queued, kind and meta of a frame that waits.
local function read(entry)
  return string.match(entry, '^(%d+) (%d+) (%d+) (%a+) (.*)$')
end
