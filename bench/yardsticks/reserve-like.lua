--[[ reserve-like: what a purchase writes, and nothing that it checks but the stock. The yardstick of `accept`.
  KEYS[1] stock  KEYS[2] buyers  KEYS[3] queued  KEYS[4] queued-at  KEYS[5] queued-sum  KEYS[6] queued-by  KEYS[7] idem
  ARGV[1] orderId  ARGV[2] buyerId  ARGV[3] idempotency field  ARGV[4] order as JSON  ARGV[5] ticketTypeId  ARGV[6] quantity  ARGV[7] now in ms
  Returns 1, or 0 where the stock does not do ]]
if tonumber(redis.call('HGET', KEYS[1], ARGV[5]) or 0) < tonumber(ARGV[6]) then return 0 end
redis.call('HINCRBY', KEYS[1], ARGV[5], -ARGV[6])
redis.call('HINCRBY', KEYS[5], ARGV[5], ARGV[6])
redis.call('HINCRBY', KEYS[2], ARGV[2], ARGV[6])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[4], ARGV[7], ARGV[1])
redis.call('HSET', KEYS[6], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[7], ARGV[3], ARGV[1])
return 1
