-- Runs before every script of the job store. MAY, TERMINAL, FORMATS and the limits are written above this by scripts.py.
-- ARGV[1] is the prefix of all keys, ARGV[2] the job's id ('' in scripts about many jobs).

local P, id = ARGV[1], ARGV[2]
local INDEX, LEASES, OUTBOX, LANES = P .. ':index', P .. ':leases', P .. ':outbox', P .. ':lanes'
local DEAD, DEADLINES, RETENTION, CALLBACKS = P .. ':dead', P .. ':deadlines', P .. ':retention', P .. ':callbacks'
-- Of jobs whose message was sent: when the newest that was claimed had been sent, by priority and lane; and those
-- whose message may be lost, by when that counts as certain.
local PASSED, DOUBTED = P .. ':passed', P .. ':doubted'

-- Waiting jobs by caller; and those that wait or run, of callers that may have so many.
local CALLERS, ACTIVE = P .. ':callers', P .. ':active'

-- The part of an index (of all jobs) that is a tenant's. Jobs made by earlier versions are the default one's.
local function index_of(index, tenant)
  return index .. ':' .. (tenant or 'default')
end

local function key_of(job_id)
  return P .. ':job:' .. job_id
end

local job, blobs_key, told_key, records_key, checkpoint_key

-- What follows is about this job.
local function turn_to(job_id)
  id, job = job_id, key_of(job_id)
  blobs_key, told_key, records_key = job .. ':blobs', job .. ':told', job .. ':records'
  checkpoint_key = job .. ':checkpoint'
end

turn_to(id)

local function pending_key(lane)
  return P .. ':pending:' .. lane
end

-- Jobs of a group that wait together, the longest waiting first; some may have gone meanwhile.
local function ready_key(place)
  return P .. ':ready:' .. place
end

-- Jobs that ended so, by the order in which they were accepted.
local function ended_key(state)
  return P .. ':ended:' .. state
end

-- PENDING jobs of a lane and priority whose message was sent and isn't doubted, by when.
local function sent_key(lane, priority)
  return P .. ':sent:' .. priority .. ':' .. lane
end

-- Microseconds are beyond what Lua prints exactly by itself.
local function exact(number)
  return string.format('%.0f', number)
end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The fields every transition needs, and the values of all it read: from LOADED on those that were named. Nil when
-- there is no such job.
local LOADED = 15
local function load(...)
  local v = redis.call('HMGET', job, 'state', 'fence', 'attempt', 'seq', 'lane', 'head', 'cancel', 'priority',
    'created', 'started', 'expires', 'resent', 'caller', 'order', ...)
  if not v[1] then
    return nil
  end
  return {
    state = v[1], fence = tonumber(v[2]), attempt = tonumber(v[3]), seq = tonumber(v[4]),
    lane = v[5], head = v[6], cancel = v[7] == '1', priority = v[8],
    created = v[9], started = v[10], expires = v[11], resent = v[12], caller = v[13], order = v[14],
  }, v
end

-- The same, when attempt `fence` holds the job; else nil.
local function held(fence, ...)
  local j, v = load(...)
  if j and j.state == 'RUNNING' and j.fence == tonumber(fence) then
    return j, v
  end
  return nil
end

-- Where an older version kept the events: a stream, which takes four kilobytes for the first of them.
local function stream_key()
  return job .. ':events'
end

local function seq_of(event)
  return tonumber(string.match(event, '^{"seq":(%d+)'))
end

-- What this script has to tell: a line for each event, which never has a line break in it.
local told = {}

-- Publishes all of it in one message. Runs after every script.
local function tell()
  if #told > 0 then
    redis.call('PUBLISH', P .. ':events', table.concat(told, '\n'))
  end
end

-- Keeps an event and tells it; the caller has to write `j.seq` back with its other fields.
local function emit(j, at, body)
  j.seq = j.seq + 1
  local event = '{"seq":' .. j.seq .. ',"at_ms":' .. exact(math.floor(at / 1000)) .. ',' .. j.head .. ',' .. body .. '}'
  if redis.call('RPUSH', told_key, event) > EVENTS_KEPT then
    redis.call('LTRIM', told_key, -EVENTS_KEPT, -1)
  end
  told[#told + 1] = id .. ' ' .. event
end

-- The event is kept no more. It is one of the last.
local function untell(seq)
  for place = -1, -EVENTS_KEPT, -1 do
    local event = redis.call('LINDEX', told_key, place)
    local found = event and seq_of(event) or 0
    if found == seq then
      redis.call('LREM', told_key, -1, event)
    end
    if found <= seq then
      break
    end
  end
  redis.call('XDEL', stream_key(), seq .. '-0')
end

-- Of `progress` and `figures` (the type) the newest alone is kept: else, told several times a second for hours, they
-- would push out what happened.
local function emit_newest(j, at, type, body)
  local field = type .. '_seq'
  local before = redis.call('HGET', job, field)
  if before then
    untell(tonumber(before))
  end
  emit(j, at, '"type":"' .. type .. '",' .. body)
  redis.call('HSET', job, field, j.seq)
end

local function state_body(state, attempt, worker, outcome)
  local sent = 'null,"outcome_omitted":false'
  if outcome ~= '' then
    if #outcome <= INLINE_OUTCOME_BYTES then
      sent = outcome .. ',"outcome_omitted":false'
    else
      sent = 'null,"outcome_omitted":true'
    end
  end
  return '"type":"state","state":"' .. state .. '","attempt":' .. attempt .. ',"worker":' .. worker .. ',"outcome":' .. sent
end

-- How long the job waited and ran, as far as the state tells, and what it left behind.
local function figures(j, state, at, artifacts)
  local waited, ran = 'null', 'null'
  if state ~= 'PENDING' then
    local started = state == 'RUNNING' and at or tonumber(j.started)
    if started then
      waited = string.format('%.3f', (started - j.created) / 1000)
    end
    if started and TERMINAL[state] then
      ran = string.format('%.3f', (at - started) / 1000)
    end
  end
  return ',"queue_wait_ms":' .. waited .. ',"run_ms":' .. ran .. ',"artifacts":' .. artifacts
end

-- A message that was sent then (nil: unknown) is taken: it passes all that were sent before it.
local function pass(lane, priority, sent)
  local place = priority .. ':' .. lane
  if sent and tonumber(sent) > tonumber(redis.call('HGET', PASSED, place) or 0) then
    redis.call('HSET', PASSED, place, sent)
  end
end

local function count_in(lane, at, caller)
  redis.call('SADD', LANES, lane)
  if redis.call('ZADD', pending_key(lane), exact(at), id) == 1 and caller and caller ~= '' then
    redis.call('HINCRBY', CALLERS, caller, 1)
  end
end

-- So many jobs of the caller (false or '': of nobody) wait no longer; or are no longer in another count.
local function count_down(caller, number, counts)
  counts = counts or CALLERS
  if caller and caller ~= '' and redis.call('HINCRBY', counts, caller, -number) <= 0 then
    redis.call('HDEL', counts, caller)
  end
end

local function stop_waiting(lane, priority, caller)
  if redis.call('ZREM', pending_key(lane), id) == 1 then
    count_down(caller, 1)
  end
  redis.call('ZREM', DEADLINES, id)
  -- A job that waits is in one of these.
  if redis.call('ZREM', sent_key(lane, priority), id) == 0 and redis.call('ZREM', OUTBOX, id) == 0 then
    redis.call('ZREM', DOUBTED, id)
  end
end

-- Who takes a step together with others (`j.together` is the list of them) leaves with them, when all have taken it:
-- that is up to the script.
local function leave(j)
  if j.state == 'PENDING' and j.resent then
    redis.call('HDEL', job, 'resent')
  end
  if j.together then
    j.together[#j.together + 1] = id
  elseif j.state == 'PENDING' then
    stop_waiting(j.lane, j.priority, j.caller)
  elseif j.state == 'RUNNING' then
    redis.call('ZREM', LEASES, id)
  end
end

local function wait_in_lane(lane, at)
  count_in(lane, at, redis.call('HGET', job, 'caller'))
  redis.call('ZADD', OUTBOX, exact(at), id)
end

-- The job's message is in its queue.
local function sent_at(lane, priority, at)
  redis.call('ZREM', OUTBOX, id)
  redis.call('ZREM', DOUBTED, id)
  redis.call('ZADD', sent_key(lane, priority), exact(at), id)
end

-- When a job that ended at `at` is outlived. `retention` is its own, in microseconds ('' for the default).
local function outlived_at(at, retention)
  return at + (retention and retention ~= '' and retention or RETENTION_US)
end

-- Notes what has to be done about a job that ends; adds to the fields to be written.
local function finish(state, at, fields)
  local v = redis.call('HMGET', job, 'retention', 'callback_url', 'blobs', 'active_of')
  count_down(v[4], 1, ACTIVE)
  if v[3] == '0' then
    -- nothing to keep
  elseif state == 'COMPLETED' then
    redis.call('UNLINK', blobs_key)  -- nobody can try it again
  else
    redis.call('EXPIRE', blobs_key, INPUTS_TTL_S)
  end
  local kept = outlived_at(at, v[1])
  if v[2] and v[2] ~= '' then
    redis.call('ZADD', CALLBACKS, exact(at), id)
    kept = math.max(kept, at + PATIENCE_US)
    fields[#fields + 1] = 'callback'
    fields[#fields + 1] = 'waiting'
  end
  redis.call('ZADD', RETENTION, exact(kept), id)
end

-- The only way from one state to another. `worker` and `outcome` are JSON (worker 'null', outcome '' for none);
-- `changes` are further fields and values; `artifacts` is JSON. False, and nothing changed, when the table has no
-- such step.
local function become(j, state, at, worker, outcome, changes, artifacts)
  if not MAY[j.state][state] then
    return false
  end
  if state == 'RUNNING' and not j.together then
    pass(j.lane, j.priority, redis.call('ZSCORE', sent_key(j.lane, j.priority), id))
  end
  leave(j)
  if state == 'PENDING' then
    wait_in_lane(j.lane, at)
  end
  emit(j, at, state_body(state, j.attempt, worker, outcome) .. figures(j, state, at, artifacts or '[]'))
  local fields = {'state', state, 'seq', j.seq, 'attempt', j.attempt}
  if TERMINAL[state] then
    redis.call('ZADD', ended_key(state), j.order, id)
    finish(state, at, fields)
    redis.call('UNLINK', checkpoint_key)
    for _, field in ipairs({'finished', exact(at), 'outcome', outcome}) do
      fields[#fields + 1] = field
    end
  end
  for _, field in ipairs(changes) do
    fields[#fields + 1] = field
  end
  redis.call('HSET', job, unpack(fields))
  return true
end

-- The history with the attempt that ends now. `worker` and `err` are JSON.
local function attempts_with(j, worker, at, err)
  local before = redis.call('HGET', job, 'attempts')
  local ended = '{"number":' .. j.attempt .. ',"worker":' .. worker .. ',"lane":"' .. j.lane .. '","started":' .. j.started .. ',"finished":' .. exact(at) .. ',"error":' .. err .. '}'
  if before == '' then
    return ended
  end
  return before .. ',' .. ended
end

local function idempotency_key(key)
  return P .. ':idempotency:' .. key
end

-- The job that the key ('' for none) or the id names: nil, {0, record}, or {2} if it has another fingerprint.
-- Whoever is told of it relies on it: from now on it isn't discarded.
local function known(fingerprint, key)
  local found = key ~= '' and redis.call('GET', idempotency_key(key)) or id
  local its = redis.call('HGET', key_of(found), 'fingerprint')
  if not its then
    return nil
  end
  if its ~= fingerprint then
    return {2}
  end
  redis.call('HSET', key_of(found), 'shared', '1')
  return {0, redis.call('HGETALL', key_of(found))}
end

local function forget()
  local v = redis.call('HMGET', job, 'idempotency', 'lane', 'priority', 'caller', 'tenant', 'state', 'active_of')
  stop_waiting(v[2], v[3], v[4])
  if not TERMINAL[v[6]] then
    count_down(v[7], 1, ACTIVE)
  end
  if v[1] ~= '' and redis.call('GET', v[1]) == id then
    redis.call('DEL', v[1])
  end
  redis.call('DEL', job, blobs_key, told_key, stream_key(), records_key, checkpoint_key)
  for _, index in ipairs({
    INDEX, index_of(INDEX, v[5]), DEAD, index_of(DEAD, v[5]), RETENTION, CALLBACKS, ended_key(v[6]),
  }) do
    redis.call('ZREM', index, id)
  end
end
