--[[ release: gives the stock of one ended order back. A replay changes nothing.
  KEYS[1] sale      hash, field epoch
  KEYS[2] stock     hash, ticketTypeId -> available
  KEYS[3] buyers    hash, buyerId -> tickets
  KEYS[4] returned  zset of returnIds, all of score 0
  ARGV[1] returnId  ARGV[2] epoch  ARGV[3] channel  ARGV[4] saleId  ARGV[5] buyerId
  ARGV[6..] ticketTypeId, quantity, ...
  Returns 1 given back, 0 already done, -1 other epoch (leave the row: a reload deletes it), -2 not loaded ]]
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return -2 end
if epoch ~= ARGV[2] then return -1 end
if redis.call('ZADD', KEYS[4], 'NX', 0, ARGV[1]) == 0 then return 0 end
local total = 0
for i = 6, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
  total = total + tonumber(ARGV[i + 1])
end
if redis.call('HINCRBY', KEYS[3], ARGV[5], -total) <= 0 then redis.call('HDEL', KEYS[3], ARGV[5]) end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
