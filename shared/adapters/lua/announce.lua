-- ARGV: prefix, worker's id, its information as JSON, milliseconds it counts as alive.
local P, id, info, ttl = unpack(ARGV)
local key = P .. ':worker:' .. id
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('HSET', key, 'info', info, 'seen', now)
redis.call('HSETNX', key, 'started', now)
redis.call('PEXPIRE', key, ttl)
redis.call('SADD', P .. ':workers', id)
return 1
