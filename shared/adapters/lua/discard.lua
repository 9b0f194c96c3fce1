-- A job that was claimed, or that somebody cancelled meanwhile, stays.
local j = load()
if j and j.state == 'PENDING' and j.fence == 0 then
  forget()
end
return 1
