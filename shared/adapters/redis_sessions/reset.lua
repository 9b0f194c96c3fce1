-- ARGV: turn. Returns {number of the last frame that doesn't count any more}.
local no = refuse(ARGV[3])
if no then
  return no
end
local number = redis.call('HGET', S, 'number')
redis.call('HSET', S, 'reset', number)
redis.call('DEL', WINDOW)
return {tonumber(number)}
