-- ARGV: turn. What is recorded stays.
local no = refuse(ARGV[3])
if no then
  return no
end
redis.call('DEL', S, WAITING, BLOBS, WINDOW, ANSWERS)
return {1}
