-- ARGV: seq after which they are wanted, limit. Returns the events as JSON, oldest first.
local after, limit, found = tonumber(ARGV[3]), tonumber(ARGV[4]), {}
for _, event in ipairs(redis.call('LRANGE', told_key, 0, -1)) do
  if seq_of(event) > after then
    found[#found + 1] = event
  end
end
-- Processes of an older version may have told some, or all.
local others = redis.call('XRANGE', stream_key(), exact(after + 1) .. '-0', '+')
if #others > 0 then
  for _, entry in ipairs(others) do
    found[#found + 1] = entry[2][2]
  end
  table.sort(found, function(one, other) return seq_of(one) < seq_of(other) end)
end
for place = #found, limit + 1, -1 do
  found[place] = nil
end
return found
