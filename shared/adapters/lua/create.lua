-- ARGV: waiting jobs a lane and a caller may have, jobs that run together; how many things in common follow, of each:
-- lane, priority, expires_s in microseconds ('' for never), end of the head of events, tenant, list to push messages to
-- ('' to leave that to others), group, numbers of strings and those: parts of the message, between which the job's tag
-- stands, fields with values. Then of each job: id, which of these it has, fingerprint, idempotency key ('' for none), its
-- time to live in seconds, caller, its own limits of jobs that wait and of those that wait or run ('' for none), list
-- that the inputs were staged in ('' for none), job it is a retry of, headers, tag, number of blobs and those.
-- Returns of each job {1, created} for a new one, {0, record} for a known one, {2} on conflict, {3} and {4} when the
-- lane or the caller has too many, {5} when what was staged is gone, {6} when the caller has too many that wait or run.
local LANE_DEPTH, CALLER_DEPTH, TOGETHER = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local READY_SENT = P .. ':ready_sent'
local AGAIN_US = 1000000
local at = now_us()

-- Whether the place needs a message, now that the job waits in it: the one of each batch, or one in case that was lost.
local function needs_message(place)
  local waiting = redis.call('RPUSH', ready_key(place), id)
  if TOGETHER > 1 and waiting % TOGETHER ~= 1 then
    local last = redis.call('HGET', READY_SENT, place)
    if last and at - last < AGAIN_US then
      return false
    end
  end
  redis.call('HSET', READY_SENT, place, exact(at))
  return true
end

local function too_many(lane, caller, depth, active)
  if caller == '' then
    return nil
  elseif redis.call('ZCARD', pending_key(lane)) >= LANE_DEPTH then
    return {3}
  elseif tonumber(redis.call('HGET', CALLERS, caller) or 0) >= (tonumber(depth) or CALLER_DEPTH) then
    return {4}
  elseif active ~= '' and tonumber(redis.call('HGET', ACTIVE, caller) or 0) >= tonumber(active) then
    return {6}
  end
end

-- What isn't there any more: it was staged for a moment only.
local function lost(staged)
  return staged ~= '' and redis.call('EXISTS', staged) == 0 and {5}
end

local function message_of(common, tag)
  local message = ARGV[common.parts]
  for part = common.parts + 1, common.past_parts do
    message = message .. tag .. ARGV[part]
  end
  return message
end

-- `first` and `last`: places of its blobs.
local function make(common, fingerprint, key, ttl, caller, active, staged, retry_of, headers, tag, first, last)
  local idempotency = key ~= '' and idempotency_key(key) or ''
  local order = redis.call('INCR', P .. ':order')
  local lane, priority, expires = common.lane, common.priority, common.expires
  local j = {seq = 0, head = '"job_id":' .. cjson.encode(id) .. common.head}
  emit(j, at, state_body('PENDING', 0, 'null', ''))
  redis.call('HSET', job, 'id', id, 'head', j.head, 'priority', priority, 'expires', expires, 'seq', j.seq,
    'created', exact(at), 'order', order, 'idempotency', idempotency, 'caller', caller, 'blobs', last - first + 1,
    'fingerprint', fingerprint, 'retry_of', retry_of, 'headers', headers, unpack(ARGV, common.fields, common.past_fields))
  redis.call('ZADD', INDEX, order, id)
  redis.call('ZADD', index_of(INDEX, common.tenant), order, id)
  if active ~= '' then
    redis.call('HINCRBY', ACTIVE, caller, 1)
    redis.call('HSET', job, 'active_of', caller)
  end
  count_in(lane, at, caller)
  if expires ~= '' then
    redis.call('ZADD', DEADLINES, exact(at + expires), id)
  end
  for i = first, last do
    redis.call('RPUSH', blobs_key, ARGV[i])
  end
  if staged ~= '' then
    redis.call('RENAME', staged, blobs_key)
    redis.call('PERSIST', blobs_key)
  end
  if common.queue == '' then
    redis.call('ZADD', OUTBOX, exact(at), id)
  else
    redis.call('ZADD', sent_key(lane, priority), exact(at), id)
    if common.group == '' or needs_message(priority .. ':' .. lane .. ':' .. common.group) then
      redis.call('LPUSH', common.queue, message_of(common, tag))
    end
  end
  if key ~= '' then
    redis.call('SET', idempotency, id, 'EX', ttl)
  end
  return {1, exact(at)}
end

local commons, i = {}, 7
for number = 1, tonumber(ARGV[6]) do
  local common = {
    lane = ARGV[i], priority = ARGV[i + 1], expires = ARGV[i + 2], head = ARGV[i + 3], tenant = ARGV[i + 4],
    queue = ARGV[i + 5], group = ARGV[i + 6], parts = i + 8, past_parts = i + 7 + ARGV[i + 7],
  }
  i = common.past_parts + 1
  common.fields, common.past_fields = i + 1, i + ARGV[i]
  i = common.past_fields + 1
  commons[number] = common
end

local answers, FIXED = {}, 13
while i <= #ARGV do
  turn_to(ARGV[i])
  local number, fingerprint, key, ttl, caller, depth, active, staged, retry_of, headers, tag = unpack(ARGV, i + 1, i + 11)
  local common, first = commons[tonumber(number)], i + FIXED
  local following = first + ARGV[i + 12]
  local answer = known(fingerprint, key) or too_many(common.lane, caller, depth, active) or lost(staged) or make(
    common, fingerprint, key, ttl, caller, active, staged, retry_of, headers, tag, first, following - 1)
  if staged ~= '' and answer[1] ~= 1 then
    redis.call('UNLINK', staged)
  end
  answers[#answers + 1] = answer
  i = following
end
return answers
