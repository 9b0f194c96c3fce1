-- ARGV: limit. Jobs that an older version accepted, which knew no tenants, come into the lists of the default one. Each
-- call goes on where the last one stopped. Returns how many jobs it looked at.
local INDEXED = P .. ':indexed'
local found = redis.call('ZRANGEBYSCORE', INDEX, '(' .. (redis.call('GET', INDEXED) or 0), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #found, 2 do
  if redis.call('HEXISTS', key_of(found[i]), 'tenant') == 0 then
    redis.call('ZADD', index_of(INDEX, nil), found[i + 1], found[i])
    if redis.call('ZSCORE', DEAD, found[i]) then
      redis.call('ZADD', index_of(DEAD, nil), found[i + 1], found[i])
    end
  end
end
if #found > 0 then
  redis.call('SET', INDEXED, found[#found])
end
return #found / 2
