-- ARGV: waiting jobs a lane and a caller may have, jobs that run together; then of each job: id, fingerprint,
-- idempotency key ('' for none), its time to live in seconds, lane, priority, expires_s in microseconds ('' for never),
-- head of its events, list to push the message to ('' to leave that to others), the message, group, caller and list
-- that the inputs were staged in ('' for none), its own limits of jobs that wait and of those that wait or run ('' for
-- none), tenant, numbers of the strings that follow: fields with values, and blobs.
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

-- `from`: the place of its first field, `past`: that of its first blob, `last`: that of its last.
local function make(from, past, last, key, ttl, lane, priority, expires, head, queue, message, group, caller, staged, active, tenant)
  local idempotency = key ~= '' and idempotency_key(key) or ''
  local order = redis.call('INCR', P .. ':order')
  local j = {seq = 0, head = head}
  emit(j, at, state_body('PENDING', 0, 'null', ''))
  redis.call('HSET', job, 'head', head, 'priority', priority, 'expires', expires, 'seq', j.seq, 'created', exact(at),
    'order', order, 'idempotency', idempotency, 'caller', caller, 'blobs', last - past + 1, unpack(ARGV, from, past - 1))
  redis.call('ZADD', INDEX, order, id)
  redis.call('ZADD', index_of(INDEX, tenant), order, id)
  if active ~= '' then
    redis.call('HINCRBY', ACTIVE, caller, 1)
    redis.call('HSET', job, 'active_of', caller)
  end
  count_in(lane, at, caller)
  if expires ~= '' then
    redis.call('ZADD', DEADLINES, exact(at + expires), id)
  end
  for i = past, last do
    redis.call('RPUSH', blobs_key, ARGV[i])
  end
  if staged ~= '' then
    redis.call('RENAME', staged, blobs_key)
    redis.call('PERSIST', blobs_key)
  end
  if queue == '' then
    redis.call('ZADD', OUTBOX, exact(at), id)
  else
    redis.call('ZADD', sent_key(lane, priority), exact(at), id)
    if group == '' or needs_message(priority .. ':' .. lane .. ':' .. group) then
      redis.call('LPUSH', queue, message)
    end
  end
  if key ~= '' then
    redis.call('SET', idempotency, id, 'EX', ttl)
  end
  return {1, exact(at)}
end

local FIXED = 18
local answers, i = {}, 6
while i <= #ARGV do
  turn_to(ARGV[i])
  local fingerprint, key, ttl, lane, priority, expires, head, queue, message, group, caller, staged, depth, active, tenant = unpack(ARGV, i + 1, i + 15)
  local from = i + FIXED
  local past = from + ARGV[i + 16]
  local following = past + ARGV[i + 17]
  local answer = known(fingerprint, key) or too_many(lane, caller, depth, active) or lost(staged) or make(
    from, past, following - 1, key, ttl, lane, priority, expires, head, queue, message, group, caller, staged, active, tenant)
  if staged ~= '' and answer[1] ~= 1 then
    redis.call('UNLINK', staged)
  end
  answers[#answers + 1] = answer
  i = following
end
return answers
