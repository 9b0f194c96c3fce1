-- ARGV: number after which they are wanted, stream ('' for any), limit. Returns {number of the oldest that is kept,
-- of the newest (0 if there is none), that of the newest restart (0), then number, stream and JSON of each}; nil
-- without such a job.
local after, stream, limit = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local BATCH = 500

local function number_of(entry)
  return entry and tonumber(string.match(entry[1], '^%d+')) or 0
end

if redis.call('EXISTS', job) == 0 then
  return nil
end
local oldest = redis.call('XRANGE', records_key, '-', '+', 'COUNT', 1)[1]
local newest = redis.call('XREVRANGE', records_key, '+', '-', 'COUNT', 1)[1]
local restarted = tonumber(redis.call('HGET', job, 'restarted') or 0)
local answer, count = {number_of(oldest), number_of(newest), restarted}, 0
while count < limit do
  local batch = redis.call('XRANGE', records_key, exact(after + 1) .. '-0', '+', 'COUNT', BATCH)
  for _, entry in ipairs(batch) do
    after = number_of(entry)
    if count < limit and (stream == '' or entry[2][2] == stream) then
      count = count + 1
      for _, part in ipairs({after, entry[2][2], entry[2][4]}) do
        answer[#answer + 1] = part
      end
    end
  end
  if #batch < BATCH then
    break
  end
end
return answer
