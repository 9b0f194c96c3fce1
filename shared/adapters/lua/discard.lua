-- A job that was claimed, that somebody cancelled meanwhile, or that another request was answered with, stays.
local j = load()
if j and j.state == 'PENDING' and j.fence == 0 and redis.call('HGET', job, 'shared') ~= '1' then
  forget()
end
return 1
