-- Returns {0} without such a job, {1, record}, or {2, state} while it hasn't ended.
local j = load()
if not j then
  return {0}
end
if not TERMINAL[j.state] then
  return {2, j.state}
end
local record = redis.call('HGETALL', job)
forget()
return {1, record}
