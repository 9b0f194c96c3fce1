-- ARGV: limit. Returns the jobs, the longest ago first.
return redis.call('ZRANGEBYSCORE', RETENTION, '-inf', exact(now_us()), 'LIMIT', 0, ARGV[3])
