-- ARGV: prefix. Returns {information as JSON, started, seen (microseconds), …}; forgets workers that are gone.
local P = ARGV[1]
local answer = {}
for _, id in ipairs(redis.call('SMEMBERS', P .. ':workers')) do
  local v = redis.call('HMGET', P .. ':worker:' .. id, 'info', 'started', 'seen')
  if v[1] then
    for i = 1, 3 do
      answer[#answer + 1] = v[i]
    end
  else
    redis.call('SREM', P .. ':workers', id)
  end
end
return answer
