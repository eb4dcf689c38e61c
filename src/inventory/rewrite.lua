--[[ rewrite: replaces entries of the outbox by others that differ only in what nobody counts by. An entry that is not as it was read
  stays: it is settled, or rewritten already.
  KEYS[1] queued
  ARGV[1..] orderId, entry as it was read, its replacement, ...
  Returns how many were replaced ]]
local replaced = 0
for i = 1, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    replaced = replaced + 1
  end
end
return replaced
