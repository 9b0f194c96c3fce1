-- Runs before every script of the job store. MAY, TERMINAL and the limits are written above this by scripts.py.
-- ARGV[1] is the prefix of all keys, ARGV[2] the job's id ('' in scripts about many jobs).

local P, id = ARGV[1], ARGV[2]

local function key_of(job_id)
  return P .. ':job:' .. job_id
end

local job = key_of(id)
local blobs_key, events_key = job .. ':blobs', job .. ':events'
local INDEX, LEASES, OUTBOX, LANES = P .. ':index', P .. ':leases', P .. ':outbox', P .. ':lanes'

local function pending_key(lane)
  return P .. ':pending:' .. lane
end

-- Microseconds are beyond what Lua prints exactly by itself.
local function exact(number)
  return string.format('%.0f', number)
end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The fields every transition needs; nil when there is no such job.
local function load()
  local v = redis.call('HMGET', job, 'state', 'fence', 'attempt', 'seq', 'lane', 'head', 'cancel')
  if not v[1] then
    return nil
  end
  return {
    state = v[1], fence = tonumber(v[2]), attempt = tonumber(v[3]), seq = tonumber(v[4]),
    lane = v[5], head = v[6], cancel = v[7] == '1',
  }
end

-- The same, when attempt `fence` holds the job; else nil.
local function held(fence)
  local j = load()
  if j and j.state == 'RUNNING' and j.fence == tonumber(fence) then
    return j
  end
  return nil
end

-- Keeps and publishes an event; the caller has to write `j.seq` back with its other fields.
local function emit(j, at, body)
  j.seq = j.seq + 1
  local event = '{"seq":' .. j.seq .. ',"at_ms":' .. exact(math.floor(at / 1000)) .. ',' .. j.head .. ',' .. body .. '}'
  redis.call('XADD', events_key, 'MAXLEN', '~', EVENTS_KEPT, j.seq .. '-0', 'e', event)
  redis.call('PUBLISH', P .. ':events:' .. id, event)
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
    local v = redis.call('HMGET', job, 'created', 'started')
    local started = state == 'RUNNING' and at or tonumber(v[2])
    if started then
      waited = string.format('%.3f', (started - v[1]) / 1000)
    end
    if started and TERMINAL[state] then
      ran = string.format('%.3f', (at - started) / 1000)
    end
  end
  return ',"queue_wait_ms":' .. waited .. ',"run_ms":' .. ran .. ',"artifacts":' .. artifacts
end

local function leave(j)
  if j.state == 'PENDING' then
    redis.call('ZREM', pending_key(j.lane), id)
    redis.call('ZREM', OUTBOX, id)
  elseif j.state == 'RUNNING' then
    redis.call('ZREM', LEASES, id)
  end
end

local function wait_in_lane(lane, at)
  redis.call('SADD', LANES, lane)
  redis.call('ZADD', pending_key(lane), exact(at), id)
  redis.call('ZADD', OUTBOX, exact(at), id)
end

-- The only way from one state to another. `worker` and `outcome` are JSON (worker 'null', outcome '' for none);
-- `changes` are further fields and values; `artifacts` is JSON. False, and nothing changed, when the table has no
-- such step.
local function become(j, state, at, worker, outcome, changes, artifacts)
  if not MAY[j.state][state] then
    return false
  end
  leave(j)
  if state == 'PENDING' then
    wait_in_lane(j.lane, at)
  end
  emit(j, at, state_body(state, j.attempt, worker, outcome) .. figures(j, state, at, artifacts or '[]'))
  local fields = {'state', state, 'seq', j.seq, 'attempt', j.attempt}
  if TERMINAL[state] then
    redis.call('EXPIRE', blobs_key, INPUTS_TTL_S)
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
  local v = redis.call('HMGET', job, 'attempts', 'started')
  local ended = '{"number":' .. j.attempt .. ',"worker":' .. worker .. ',"started":' .. v[2] .. ',"finished":' .. exact(at) .. ',"error":' .. err .. '}'
  if v[1] == '' then
    return ended
  end
  return v[1] .. ',' .. ended
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
  local v = redis.call('HMGET', job, 'idempotency', 'lane')
  if v[1] ~= '' and redis.call('GET', v[1]) == id then
    redis.call('DEL', v[1])
  end
  redis.call('DEL', job, blobs_key, events_key)
  redis.call('ZREM', INDEX, id)
  redis.call('ZREM', pending_key(v[2]), id)
  redis.call('ZREM', OUTBOX, id)
end
