--[[ inspect: reads at one instant all that tells whether a sale's stock is as Postgres has it. Changes nothing.
  KEYS[1] sale  KEYS[2] stock  KEYS[3] buyers  KEYS[4] queued  KEYS[5] queued-at  KEYS[6] queued-sum  KEYS[7] queued-by  KEYS[8] idem  KEYS[9] returned
  ARGV[1] number of return ids  ARGV[2..] return ids, then order ids
  Returns {epoch or '', fence or '', 1 sound or 0, stock as {ticketTypeId, n, ...}, outbox sums likewise, number of entries,
    ms of the oldest or '', for each return id 1 where it was given back, for each order id its outbox entry or '', now in ms, ms of the newest or ''} ]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'runId')
local epoch, sound = sale[1], 1
if not epoch or sale[2] or sale[3] ~= runId() then sound = 0 end
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[4], KEYS[7], KEYS[8]}) do
  if redis.call('HGET', key, STAMP) ~= epoch then sound = 0 end
end
local entries = redis.call('ZCARD', KEYS[5])
if redis.call('HLEN', KEYS[4]) ~= entries + 1 then sound = 0 end
local oldest = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')
local newest = redis.call('ZRANGE', KEYS[5], -1, -1, 'WITHSCORES')
local returns, orders, last = {}, {}, 1 + tonumber(ARGV[1])
for i = 2, last do returns[#returns + 1] = redis.call('ZSCORE', KEYS[9], ARGV[i]) and 1 or 0 end
for i = last + 1, #ARGV do orders[#orders + 1] = redis.call('HGET', KEYS[4], ARGV[i]) or '' end
local time = redis.call('TIME')
return {epoch or '', sale[2] or '', sound, redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[6]), entries, oldest[2] or '', returns, orders,
  string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), newest[2] or ''}
