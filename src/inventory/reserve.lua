--[[ reserve: takes stock for one order, all of it or none. The only script that decides whether a buyer may have stock.
  KEYS[1] sale        hash: epoch, fence, runId, status, opensAt, closesAt, maxPerBuyer
  KEYS[2] stock       hash: ticketTypeId -> available
  KEYS[3] buyers      hash: buyerId -> tickets queued, held or owned
  KEYS[4] queued      hash: orderId -> outbox entry
  KEYS[5] queued-at   zset: orderId by ms since epoch
  KEYS[6] queued-sum  hash: ticketTypeId -> tickets in the outbox
  KEYS[7] queued-by   hash: buyerId -> ids of his orders in the outbox, joined
  KEYS[8] idem        hash: idempotency field -> orderId .. body hash
  ARGV[1] orderId  ARGV[2] buyerId  ARGV[3] idempotency field, '' for none  ARGV[4] body hash
  ARGV[5] order as JSON  ARGV[6..] ticketTypeId, quantity, ...
  Returns {'reserved', takenAtMs} (also for an order id that is in the outbox already: a script that is sent twice takes once),
    {'replayed', orderId}, {'reused'}, {'recovering'}, {'draft'}, {'closed'}, {'paused'}, {'not-open', opensAtMs, nowMs},
    {'sold-out', ticketTypeId, ...}, {'limit', tickets left} ]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'runId', 'status', 'opensAt', 'closesAt', 'maxPerBuyer')
local epoch, status = sale[1], sale[4]
if not epoch or sale[2] or sale[3] ~= runId() then return {'recovering'} end

local types = {STAMP}
for i = 6, #ARGV, 2 do types[#types + 1] = ARGV[i] end
local stock = redis.call('HMGET', KEYS[2], unpack(types))
local buyer = redis.call('HMGET', KEYS[3], STAMP, ARGV[2])
local queued = redis.call('HMGET', KEYS[4], STAMP, ARGV[1])
local idem = redis.call('HMGET', KEYS[8], STAMP, ARGV[3])
if stock[1] ~= epoch or buyer[1] ~= epoch or queued[1] ~= epoch or idem[1] ~= epoch then return {'recovering'} end

if queued[2] then return {'reserved', string.match(queued[2], '^%d+')} end
if ARGV[3] ~= '' and idem[2] then
  if string.sub(idem[2], 37) ~= ARGV[4] then return {'reused'} end
  return {'replayed', string.sub(idem[2], 1, 36)}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if status == 'draft' then return {'draft'} end
if status == 'closed' or now >= tonumber(sale[6]) then return {'closed'} end
if status == 'paused' then return {'paused'} end
local nowMs = string.format('%.0f', now)
if now < tonumber(sale[5]) then return {'not-open', sale[5], nowMs} end

local lacking, total = {'sold-out'}, 0
for i = 2, #types do
  local quantity = tonumber(ARGV[2 * i + 3])
  if not stock[i] then return {'recovering'} end
  if tonumber(stock[i]) < quantity then lacking[#lacking + 1] = types[i] end
  total = total + quantity
end
if #lacking > 1 then return lacking end
local left = sale[7] - (buyer[2] or 0)
if total > left then return {'limit', math.max(left, 0)} end

for i = 2, #types do
  local quantity = ARGV[2 * i + 3]
  redis.call('HINCRBY', KEYS[2], types[i], -quantity)
  redis.call('HINCRBY', KEYS[6], types[i], quantity)
end
redis.call('HINCRBY', KEYS[3], ARGV[2], total)
redis.call('HSET', KEYS[4], ARGV[1], nowMs .. ' ' .. sale[7] .. ' ' .. ARGV[5])
redis.call('ZADD', KEYS[5], now, ARGV[1])
redis.call('HSET', KEYS[7], ARGV[2], (redis.call('HGET', KEYS[7], ARGV[2]) or '') .. ARGV[1])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[8], ARGV[3], ARGV[1] .. ARGV[4]) end
return {'reserved', nowMs}
