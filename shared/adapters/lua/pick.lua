-- ARGV: field, then jobs. Returns its value of each; nil where there is no such job.
local answer = {}
for i = 4, #ARGV do
  answer[#answer + 1] = redis.call('HGET', key_of(ARGV[i]), ARGV[3])
end
return answer
