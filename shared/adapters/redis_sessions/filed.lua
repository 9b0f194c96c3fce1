-- ARGV: lines that were in files before, lines of the part.
if tonumber(redis.call('GET', FILED) or 0) == tonumber(ARGV[3]) then
  redis.call('LTRIM', RECORD, ARGV[4], -1)
  redis.call('INCRBY', FILED, ARGV[4])
end
if redis.call('EXISTS', S, RECORD) == 0 then
  redis.call('DEL', FILED)
  redis.call('SREM', RECORDED, id)
end
return 1
