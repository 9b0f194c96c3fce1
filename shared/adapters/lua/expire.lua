-- ARGV: outcome, limit. Returns the jobs it ended.
local at, answer = now_us(), {}
for _, found in ipairs(redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', '(' .. exact(at), 'LIMIT', 0, ARGV[4])) do
  turn_to(found)
  become(load(), 'FAILED', at, 'null', ARGV[3], {})
  answer[#answer + 1] = found
end
return answer
