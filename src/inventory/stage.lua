--[[ stage: counts orders of the outbox in what a reload prepares beside the keys of a fenced sale. An order counts once, however often
  it comes.
  KEYS[1] queued
  KEYS[2] staged stock  KEYS[3] staged buyers  KEYS[4] staged queued-by  KEYS[5] staged idem  KEYS[6] staged queued-at
  ARGV order ids
  Returns how many were counted: those that are in the outbox and were not counted before ]]
local counted = 0
for _, id in ipairs(ARGV) do
  local entry = redis.call('HGET', KEYS[1], id)
  local takenAt, json
  if entry then takenAt, json = string.match(entry, '^(%d+) %d+ (.*)$') end
  if takenAt and redis.call('ZADD', KEYS[6], 'NX', takenAt, id) == 1 then
    local order, total = cjson.decode(json), 0
    for _, item in ipairs(order.items) do
      redis.call('HINCRBY', KEYS[2], item.ticketTypeId .. ':queued', item.quantity)
      total = total + item.quantity
    end
    redis.call('HINCRBY', KEYS[3], order.buyerId, total)
    redis.call('HSET', KEYS[4], order.buyerId, (redis.call('HGET', KEYS[4], order.buyerId) or '') .. id)
    if order.idempotency then redis.call('HSETNX', KEYS[5], order.idempotency, id .. order.bodyHash) end
    counted = counted + 1
  end
end
return counted
