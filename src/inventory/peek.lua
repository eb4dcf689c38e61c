--[[ peek: reads orders' outbox entries, and whether the absence of one means anything.
  KEYS[1] sale  KEYS[2] queued
  ARGV order ids; none to ask only whether the outbox can be trusted
  Returns {1 the outbox can be trusted, 0 it cannot: the sale is not loaded, Redis restarted, or the key was lost;
    then for each order its entry or ''} ]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'runId')
local trusted = sale[1] and redis.call('HGET', KEYS[2], STAMP) == sale[1] and sale[2] == runId()
local reply = {trusted and 1 or 0}
for i, id in ipairs(ARGV) do reply[i + 1] = redis.call('HGET', KEYS[2], id) or '' end
return reply
