--[[ peek: reads one order's outbox entry, and whether its absence means anything.
  KEYS[1] sale  KEYS[2] queued
  ARGV[1] orderId, or nothing to ask only whether the outbox can be trusted
  Returns {entry or '', 1 the outbox can be trusted, 0 it cannot: the sale is not loaded, Redis restarted, or the key was lost} ]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'runId')
local queued = redis.call('HMGET', KEYS[2], STAMP, ARGV[1] or STAMP)
local trusted = sale[1] and queued[1] == sale[1] and sale[2] == runId()
return {ARGV[1] and queued[2] or '', trusted and 1 or 0}
