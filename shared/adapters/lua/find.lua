-- ARGV: index, '(order' to go on below or '+inf', limit, how many to look at, bytes of outcomes that are enough, kind, state, device ('' for any), then labels and their values.
-- Returns {order to go on below ('' at the end), record, …}, newest first.
local index, below, limit, scan, enough = P .. ':' .. ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local kind, state, device = ARGV[8], ARGV[9], ARGV[10]
local BATCH = 100

-- Whether each job is in the set of its state: those that an older version accepted and nothing happened to since aren't.
local function by_state()
  local known = 0
  for each in pairs(MAY) do
    known = known + redis.call('ZCARD', state_key(each))
  end
  return known == redis.call('ZCARD', INDEX)
end

if state ~= '' and index == INDEX and by_state() then
  index = state_key(state)
end

local function fits(wanted, value)
  return wanted == '' or wanted == value
end

local function labelled(text)
  if #ARGV < 12 then
    return true
  end
  local labels = cjson.decode(text)
  for i = 11, #ARGV, 2 do
    if labels[ARGV[i]] ~= ARGV[i + 1] then
      return false
    end
  end
  return true
end

local page, seen, bytes = {''}, 0, 0
while true do
  local found = redis.call('ZREVRANGEBYSCORE', index, below, '-inf', 'WITHSCORES', 'LIMIT', seen, BATCH)
  for i = 1, #found, 2 do
    seen = seen + 1
    local v = redis.call('HMGET', key_of(found[i]), 'kind', 'state', 'device', 'labels')
    if fits(kind, v[1]) and fits(state, v[2]) and fits(device, v[3]) and labelled(v[4]) then
      page[#page + 1] = redis.call('HGETALL', key_of(found[i]))
      bytes = bytes + redis.call('HSTRLEN', key_of(found[i]), 'outcome')
    end
    if #page > limit or seen >= scan or bytes > enough then
      if redis.call('ZCOUNT', index, '-inf', '(' .. found[i + 1]) > 0 then
        page[1] = found[i + 1]
      end
      return page
    end
  end
  if #found < 2 * BATCH then
    return page
  end
end
