-- ARGV: index, '(order' to go on below or '+inf', limit, how many to look at, bytes of outcomes that are enough, kind,
-- state, device ('' for any), tenant ('' for all), then labels and their values.
-- Returns {order to go on below ('' at the end), record, …}, newest first.
local index, below, limit, scan, enough = P .. ':' .. ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local kind, state, device, tenant = ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local LABELS_FROM, BATCH = 12, 100
local all_kept = index == INDEX
if tenant ~= '' then
  index = index_of(index, tenant)
end

-- Whether all that ended are in the sets of those that ended so: what ended under an older version isn't.
local function by_end()
  local known = 0
  for each in pairs(TERMINAL) do
    known = known + redis.call('ZCARD', ended_key(each))
  end
  return known == redis.call('ZCARD', RETENTION)
end

-- Jobs of these sets below the cursor as {id, order, id, order, …}, newest first; nil if they are more than may be
-- looked at.
local function all_of(sets)
  local count, found, flat = 0, {}, {}
  for _, set in ipairs(sets) do
    count = count + redis.call('ZCARD', set)
  end
  if count > scan then
    return nil
  end
  local under = tonumber(string.match(below, '^%((%d+)$') or math.huge)
  for _, set in ipairs(sets) do
    for _, each in ipairs(redis.call('ZRANGE', set, 0, -1)) do
      local order = tonumber(redis.call('HGET', key_of(each), 'order'))
      if order and order < under then
        found[#found + 1] = {each, order}
      end
    end
  end
  table.sort(found, function(one, other) return one[2] > other[2] end)
  for _, each in ipairs(found) do
    flat[#flat + 1], flat[#flat + 2] = each[1], each[2]
  end
  return flat
end

-- Those in a state that few are in.
local function few()
  if not all_kept then
    return nil
  elseif state == 'RUNNING' then
    return all_of({LEASES})
  elseif state == 'PENDING' then
    local lanes = redis.call('SMEMBERS', LANES)
    for place, lane in ipairs(lanes) do
      lanes[place] = pending_key(lane)
    end
    return all_of(lanes)
  elseif TERMINAL[state] and by_end() and redis.call('ZCARD', ended_key(state)) < redis.call('ZCARD', index) then
    index = ended_key(state)
  end
end

local function fits(wanted, value)
  return wanted == '' or wanted == value
end

local function labelled(text)
  if #ARGV < LABELS_FROM then
    return true
  end
  local labels = cjson.decode(text)
  for i = LABELS_FROM, #ARGV, 2 do
    if labels[ARGV[i]] ~= ARGV[i + 1] then
      return false
    end
  end
  return true
end

local all = few()
local page, seen, bytes = {''}, 0, 0
while true do
  local found = all or redis.call('ZREVRANGEBYSCORE', index, below, '-inf', 'WITHSCORES', 'LIMIT', seen, BATCH)
  for i = 1, #found, 2 do
    seen = seen + 1
    local v = redis.call('HMGET', key_of(found[i]), 'kind', 'state', 'device', 'tenant', 'labels')
    -- What an older version removed may still be listed.
    if v[1] and fits(kind, v[1]) and fits(state, v[2]) and fits(device, v[3]) and fits(tenant, v[4] or 'default') and labelled(v[5]) then
      page[#page + 1] = redis.call('HGETALL', key_of(found[i]))
      bytes = bytes + redis.call('HSTRLEN', key_of(found[i]), 'outcome')
    end
    if #page > limit or seen >= scan or bytes > enough then
      if found[i + 2] or (not all and redis.call('ZCOUNT', index, '-inf', '(' .. found[i + 1]) > 0) then
        page[1] = found[i + 1]
      end
      return page
    end
  end
  if all or #found < 2 * BATCH then
    return page
  end
end
