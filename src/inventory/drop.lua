--[[ drop: takes entries that Postgres has out of the outbox of a fenced sale; the load that follows counts stock anew.
  KEYS[1] sale  KEYS[2] queued
  ARGV[1] token of the fence  ARGV[2..] order ids
  Returns 1, or 0 where the fence is another's ]]
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
for i = 2, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
return 1
