-- ARGV: fence of the attempt whose message was sent. A job that waits again since is noted anew, and stays noted.
local j = load()
if j and j.state == 'PENDING' and j.fence == tonumber(ARGV[3]) then
  sent_at(j.lane, j.priority, now_us())
end
return 1
