-- ARGV: fence of the attempt whose message was sent. A job that waits again since is noted anew, and stays noted.
local fence = redis.call('HGET', job, 'fence')
if not fence or tonumber(fence) == tonumber(ARGV[3]) then
  redis.call('ZREM', OUTBOX, id)
end
return 1
