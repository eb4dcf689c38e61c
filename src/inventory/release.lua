--[[ release: gives the stock of one batch of ended orders back. Batches come one after the other, so the number of the last one tells
  a repeat. Changes nothing unless it returns 1.
  KEYS[1] sale    hash: loaded (epoch of the last load), batch (number of the last batch)
  KEYS[2] stock   hash: ticketTypeId -> available, ticketTypeId:returned -> tickets given back since the load
  KEYS[3] buyers  hash: buyerId -> tickets
  ARGV[1] epoch of the load that counted before the batch  ARGV[2] number of the batch  ARGV[3] channel of stock  ARGV[4] saleId
  ARGV[5] number of ticket types  ARGV[6..] ticketTypeId, tickets, ...; then buyerId, tickets, ...
  Returns 1 given back, 0 already done, -1 another load (it counts the batch, or a reload will), -2 not loaded,
    -3 a batch is missing before this one: Redis is older than it was ]]
local sale = redis.call('HMGET', KEYS[1], 'loaded', 'batch')
if not sale[1] then return -2 end
if sale[1] ~= ARGV[1] then return -1 end
local last, batch = tonumber(sale[2]), tonumber(ARGV[2])
if last >= batch then return 0 end
if last < batch - 1 then return -3 end
local buyersFrom = 6 + 2 * ARGV[5]
for i = 6, buyersFrom - 1, 2 do
  redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('HINCRBY', KEYS[2], ARGV[i] .. ':returned', ARGV[i + 1])
end
for i = buyersFrom, #ARGV, 2 do
  if redis.call('HINCRBY', KEYS[3], ARGV[i], -ARGV[i + 1]) <= 0 then redis.call('HDEL', KEYS[3], ARGV[i]) end
end
redis.call('HSET', KEYS[1], 'batch', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
