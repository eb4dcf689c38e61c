--[[ settle: ends the time in the outbox of orders that Postgres has. An order that is not in the outbox is only announced.
  A rejected order gives all of it back, stock and buyer's count. A repeat changes nothing.
  KEYS[1] stock  KEYS[2] buyers  KEYS[3] queued  KEYS[4] queued-at  KEYS[5] queued-by
  ARGV[1] channel of orders  ARGV[2] saleId  ARGV[3] channel of stock  ARGV[4..] orderId, status as in Postgres, ...
  Returns how many were in the outbox ]]
local settled, parts, sums, refused = 0, {ARGV[2]}, {}, {}
for i = 4, #ARGV, 2 do
  local id, status = ARGV[i], ARGV[i + 1]
  local entry = redis.call('HGET', KEYS[3], id)
  if entry then
    local order = cjson.decode(string.match(entry, '^%d+ %d+ (.*)$'))
    redis.call('HDEL', KEYS[3], id)
    redis.call('ZREM', KEYS[4], id)
    local ids = redis.call('HGET', KEYS[5], order.buyerId) or ''
    local at = string.find(ids, id, 1, true)
    if at then ids = string.sub(ids, 1, at - 1) .. string.sub(ids, at + #id) end
    if ids == '' then redis.call('HDEL', KEYS[5], order.buyerId) else redis.call('HSET', KEYS[5], order.buyerId, ids) end
    local total = 0
    for _, item in ipairs(order.items) do
      local type, quantity = item.ticketTypeId, item.quantity
      sums[type] = (sums[type] or 0) + quantity
      if status == 'rejected' then refused[type] = (refused[type] or 0) + quantity end
      total = total + quantity
    end
    if status == 'rejected' and redis.call('HINCRBY', KEYS[2], order.buyerId, -total) <= 0 then
      redis.call('HDEL', KEYS[2], order.buyerId)
    end
    settled = settled + 1
  end
  parts[#parts + 1] = id .. ':' .. status
end
for type, tickets in pairs(sums) do
  redis.call('HINCRBY', KEYS[1], type .. ':queued', -tickets)
  redis.call('HINCRBY', KEYS[1], type .. ':settled', tickets)
end
for type, tickets in pairs(refused) do
  redis.call('HINCRBY', KEYS[1], type, tickets)
  redis.call('HINCRBY', KEYS[1], type .. ':returned', tickets)
end
redis.call('PUBLISH', ARGV[1], table.concat(parts, ' '))
if next(refused) then redis.call('PUBLISH', ARGV[3], ARGV[2]) end
return settled
