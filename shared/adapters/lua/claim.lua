-- ARGV: place whose jobs are wanted ('' for the job itself), worker, worker as JSON, lease in microseconds, outcome of
-- a job that expired, progress at the start, how many at most, then the lanes whose jobs are wanted (none: of any).
-- Returns of each attempt {id, fence, attempt, seq, lane, created, started, attempts, retry_of, fingerprint, spec,
-- headers, blobs, pieces, tenant}; {id} of a job that only a later version can read. Blobs in pieces are left out: they
-- are large. `pieces`: of how many each is put together ('' where each is in one).
local place, worker, worker_json, lease, expired, progress, limit = unpack(ARGV, 3, 9)
local priority, lane = string.match(place, '^(%d+):([^:]*):')
local LANES_FROM, STALE_FOR_EACH = 10, 4
local at, lease_until, answer = now_us(), nil, {}
limit, lease_until = tonumber(limit), exact(at + lease)

local function wanted(lane)
  for i = LANES_FROM, #ARGV do
    if ARGV[i] == lane then
      return true
    end
  end
  return #ARGV < LANES_FROM
end

-- The answer about the job; nil where there is nothing to run.
local function begin(j, v, together)
  local kind, format, attempts, retry_of, fingerprint, spec, headers, blobs, recorded, restarted, pieces, tenant = unpack(v, LOADED)
  if tonumber(format or 1) > (FORMATS[kind] or 0) then
    return {id}
  end
  if j.fence == 0 and j.expires ~= '' and at > j.created + j.expires then
    become(j, 'FAILED', at, 'null', expired, {})
    return nil
  end
  local fields = {'fence', j.fence + 1, 'worker', worker, 'started', exact(at), 'progress', progress}
  -- Records of an earlier attempt are dropped; the number after theirs stands for that.
  if tonumber(recorded or 0) > tonumber(restarted or 0) then
    redis.call('UNLINK', records_key)
    for _, field in ipairs({'records', recorded + 1, 'restarted', recorded + 1}) do
      fields[#fields + 1] = field
    end
  end
  j.together = together
  become(j, 'RUNNING', at, worker_json, '', fields)
  return {
    id, j.fence + 1, j.attempt, j.seq, j.lane, j.created, exact(at), attempts, retry_of, fingerprint, spec,
    headers or '', (pieces or blobs == '0') and {} or redis.call('LRANGE', blobs_key, 0, -1), pieces or '',
    tenant or 'default',
  }
end

-- As `pass` and `leave` for many jobs that waited in one place. `callers`: whose they were, and how many. A message of
-- the place passes what was sent before the oldest of them: the younger ones may have come when it lay in the queue.
local function stop_waiting_together(lane, priority, ids, callers)
  local sent, oldest = sent_key(lane, priority), nil
  for _, score in ipairs(redis.call('ZMSCORE', sent, unpack(ids))) do
    if score and (not oldest or tonumber(score) < tonumber(oldest)) then
      oldest = score
    end
  end
  pass(lane, priority, oldest)
  for _, key in ipairs({pending_key(lane), DEADLINES, sent, OUTBOX, DOUBTED}) do
    redis.call('ZREM', key, unpack(ids))
  end
  for caller, number in pairs(callers) do
    count_down(caller, number)
  end
end

local callers = {}
local function look(together)
  local j, v = load('kind', 'format', 'attempts', 'retry_of', 'fingerprint', 'spec', 'headers', 'blobs', 'records', 'restarted',
    'pieces', 'tenant')
  if not j or j.state ~= 'PENDING' or not wanted(j.lane) then
    return
  end
  -- A job that was moved has a message of its own. So has one that had an attempt: no other shall die of it.
  if together and (j.lane ~= lane or j.fence > 0) then
    return
  end
  answer[#answer + 1] = begin(j, v, together)
  if together and together[#together] == id and j.caller then
    callers[j.caller] = (callers[j.caller] or 0) + 1
  end
end

if place == '' then
  look(nil)
  if answer[1] and answer[1][2] then
    redis.call('ZADD', LEASES, lease_until, id)
  end
  return answer
end

if not wanted(lane) then
  return answer
end
local together, looked = {}, 0
while #together < limit and looked < limit * STALE_FOR_EACH do
  local found = redis.call('LPOP', ready_key(place), limit - #together)
  if not found then
    break
  end
  looked = looked + #found
  for _, each in ipairs(found) do
    turn_to(each)
    look(together)
  end
end
if #together > 0 then
  stop_waiting_together(lane, priority, together, callers)
  local leases = {}
  for _, each in ipairs(together) do
    leases[#leases + 1] = lease_until
    leases[#leases + 1] = each
  end
  redis.call('ZADD', LEASES, unpack(leases))
end
return answer
