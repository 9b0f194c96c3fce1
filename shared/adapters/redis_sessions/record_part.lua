-- ARGV: most lines. Returns {lines in files, whether no more come, lines}.
return {tonumber(redis.call('GET', FILED) or 0), 1 - redis.call('EXISTS', S), redis.call('LRANGE', RECORD, 0, ARGV[3] - 1)}
