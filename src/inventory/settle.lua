--[[ settle: ends the time in the outbox of orders that Postgres has. An order that is not in the outbox is only announced.
  A rejected order gives all of it back, stock and buyer's count. A repeat changes nothing.
  KEYS[1] stock  KEYS[2] buyers  KEYS[3] queued  KEYS[4] queued-at  KEYS[5] queued-sum  KEYS[6] queued-by
  ARGV[1] channel of orders  ARGV[2] saleId  ARGV[3] channel of stock  ARGV[4..] orderId, status as in Postgres, ...
  Returns how many were in the outbox ]]
local settled, parts, returned, sums = 0, {ARGV[2]}, false, {}
for i = 4, #ARGV, 2 do
  local id, status = ARGV[i], ARGV[i + 1]
  local entry = redis.call('HGET', KEYS[3], id)
  if entry then
    local order = cjson.decode(string.match(entry, '^%d+ %d+ (.*)$'))
    redis.call('HDEL', KEYS[3], id)
    redis.call('ZREM', KEYS[4], id)
    local ids = redis.call('HGET', KEYS[6], order.buyerId) or ''
    local at = string.find(ids, id, 1, true)
    if at then ids = string.sub(ids, 1, at - 1) .. string.sub(ids, at + #id) end
    if ids == '' then redis.call('HDEL', KEYS[6], order.buyerId) else redis.call('HSET', KEYS[6], order.buyerId, ids) end
    local total = 0
    for _, item in ipairs(order.items) do
      sums[item.ticketTypeId] = (sums[item.ticketTypeId] or 0) + item.quantity
      if status == 'rejected' then redis.call('HINCRBY', KEYS[1], item.ticketTypeId, item.quantity) end
      total = total + item.quantity
    end
    if status == 'rejected' and redis.call('HINCRBY', KEYS[2], order.buyerId, -total) <= 0 then
      redis.call('HDEL', KEYS[2], order.buyerId)
    end
    returned = returned or status == 'rejected'
    settled = settled + 1
  end
  parts[#parts + 1] = id .. ':' .. status
end
for id, tickets in pairs(sums) do redis.call('HINCRBY', KEYS[5], id, -tickets) end
redis.call('PUBLISH', ARGV[1], table.concat(parts, ' '))
if returned then redis.call('PUBLISH', ARGV[3], ARGV[2]) end
return settled
