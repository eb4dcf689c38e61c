--[[ reserve: takes stock for orders, one after the other, for each all of it or none. The only script that decides whether a buyer
  may have stock. What does not change from order to order (trust, status, time) is looked up once.
  KEYS[1] sale        hash: epoch, fence, runId, status, opensAt, closesAt, maxPerBuyer
  KEYS[2] stock       hash: ticketTypeId -> available, ticketTypeId:queued -> tickets in the outbox
  KEYS[3] buyers      hash: buyerId -> tickets queued, held or owned
  KEYS[4] queued      hash: orderId -> outbox entry
  KEYS[5] queued-at   zset: orderId by ms since epoch
  KEYS[6] queued-by   hash: buyerId -> ids of their orders in the outbox, joined
  KEYS[7] idem        hash: idempotency field -> orderId .. body hash
  ARGV for each order: orderId, buyerId, idempotency field ('' for none), body hash, order as JSON, number of items,
    and for each item: ticketTypeId, quantity
  Returns for each order
    {'reserved', takenAtMs} (also for an order id that is in the outbox already: a script that is sent twice takes once),
    {'replayed', orderId}, {'reused'}, {'recovering'}, {'draft'}, {'closed'}, {'paused'}, {'not-open', opensAtMs, nowMs},
    {'sold-out', ticketTypeId, ...}, {'limit', tickets left} ]]
local call = redis.call
local sale = call('HMGET', KEYS[1], 'epoch', 'fence', 'runId', 'status', 'opensAt', 'closesAt', 'maxPerBuyer')
local epoch, most = sale[1], sale[7]
local trusted = epoch and not sale[2] and sale[3] == runId()
  and call('HGET', KEYS[2], STAMP) == epoch and call('HGET', KEYS[3], STAMP) == epoch
  and call('HGET', KEYS[4], STAMP) == epoch and call('HGET', KEYS[7], STAMP) == epoch

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nowMs = string.format('%.0f', now)

-- Why nobody gets anything now; nil: the sale sells.
local function shut()
  local status = sale[4]
  if status == 'draft' then return {'draft'} end
  if status == 'closed' or now >= tonumber(sale[6]) then return {'closed'} end
  if status == 'paused' then return {'paused'} end
  if now < tonumber(sale[5]) then return {'not-open', sale[5], nowMs} end
end
local refusal = trusted and shut()

-- The order whose arguments begin at `at`, and whose items are those from `first` to `last`.
local function take(at, first, last)
  local id, buyer, field, bodyHash = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local queued = call('HGET', KEYS[4], id)
  if queued then return {'reserved', string.match(queued, '^%d+')} end
  local known = field ~= '' and call('HGET', KEYS[7], field)
  if known then
    if string.sub(known, 37) ~= bodyHash then return {'reused'} end
    return {'replayed', string.sub(known, 1, 36)}
  end
  if refusal then return refusal end

  local lacking, total = {'sold-out'}, 0
  for i = first, last, 2 do
    local available, quantity = call('HGET', KEYS[2], ARGV[i]), tonumber(ARGV[i + 1])
    if not available then return {'recovering'} end
    if tonumber(available) < quantity then lacking[#lacking + 1] = ARGV[i] end
    total = total + quantity
  end
  if #lacking > 1 then return lacking end
  local left = most - (call('HGET', KEYS[3], buyer) or 0)
  if total > left then return {'limit', math.max(left, 0)} end

  for i = first, last, 2 do
    call('HINCRBY', KEYS[2], ARGV[i], -ARGV[i + 1])
    call('HINCRBY', KEYS[2], ARGV[i] .. ':queued', ARGV[i + 1])
  end
  call('HINCRBY', KEYS[3], buyer, total)
  call('HSET', KEYS[4], id, nowMs .. ' ' .. most .. ' ' .. ARGV[at + 4])
  call('ZADD', KEYS[5], now, id)
  call('HSET', KEYS[6], buyer, (call('HGET', KEYS[6], buyer) or '') .. id)
  if field ~= '' then call('HSET', KEYS[7], field, id .. bodyHash) end
  return {'reserved', nowMs}
end

local outcomes, at = {}, 1
while at <= #ARGV do
  local first = at + 6
  local last = first + 2 * ARGV[at + 5] - 1
  outcomes[#outcomes + 1] = trusted and take(at, first, last) or {'recovering'}
  at = last + 1
end
return outcomes
