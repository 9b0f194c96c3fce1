-- ARGV: of each attempt its job, fence, worker as JSON, state, outcome, error, artifacts, last progress ('' to keep it;
-- the four as JSON). Returns the state of each, nil if stale.
local at, answer, together = now_us(), {}, {}
for i = 3, #ARGV, 8 do
  local found, fence, worker, state, outcome, err, artifacts, progress = unpack(ARGV, i, i + 7)
  turn_to(found)
  local j, settled = held(fence), false
  if j then
    local changes = {'attempts', attempts_with(j, worker, at, err), 'artifacts', artifacts}
    if progress ~= '' then
      changes[5], changes[6] = 'progress', progress
    end
    j.together = together
    settled = become(j, state, at, worker, outcome, changes, artifacts) and state
  end
  answer[#answer + 1] = settled
end
if #together > 0 then
  redis.call('ZREM', LEASES, unpack(together))
end
return answer
