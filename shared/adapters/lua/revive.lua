-- The job is among the dead no more.
redis.call('ZREM', DEAD, id)
redis.call('ZREM', index_of(DEAD, redis.call('HGET', job, 'tenant')), id)
return 1
