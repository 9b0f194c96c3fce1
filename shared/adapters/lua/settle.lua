-- ARGV: fence, worker as JSON, state, outcome, error of the attempt, artifacts, last progress ('' to keep it; the
-- four as JSON). Returns the state, nil if stale.
local fence, worker, state, outcome, err, artifacts, progress = unpack(ARGV, 3)
local j = held(fence)
if not j then
  return nil
end
local at = now_us()
local changes = {'attempts', attempts_with(j, worker, at, err), 'artifacts', artifacts}
if progress ~= '' then
  changes[5], changes[6] = 'progress', progress
end
if not become(j, state, at, worker, outcome, changes, artifacts) then
  return redis.error_reply('ILLEGAL ' .. j.state .. ' to ' .. state)
end
return state
