--[[ backlog: tells how long the outbox is, and since when its oldest orders wait. Changes nothing.
  KEYS[1] queued-at
  ARGV[1] ms since epoch  ARGV[2] how many of the oldest orders to tell, 1 or more
  Returns {orders, orders that were taken at ARGV[1] or before, now in ms, orderId, taken at ms, orderId, ...} ]]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local oldest = redis.call('ZRANGE', KEYS[1], 0, ARGV[2] - 1, 'WITHSCORES')
return {redis.call('ZCARD', KEYS[1]), redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[1]), now, unpack(oldest)}
