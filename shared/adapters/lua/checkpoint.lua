-- ARGV: fence, what to keep ('' to keep nothing new). Returns what is kept now, '' for nothing; nil if stale.
local j = held(ARGV[3])
if not j then
  return nil
end
if ARGV[4] ~= '' then
  redis.call('SET', checkpoint_key, ARGV[4])
end
return redis.call('GET', checkpoint_key) or ''
