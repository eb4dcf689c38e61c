--[[ inspect: reads at one instant all that tells whether a sale's stock is as Postgres has it. Changes nothing.
  KEYS[1] sale  KEYS[2] stock  KEYS[3] buyers  KEYS[4] queued  KEYS[5] queued-at  KEYS[6] queued-by  KEYS[7] idem
  Returns {epoch or '', fence or '', 1 sound or 0, stock as {field, n, ...}, number of entries of the outbox,
    ms of the oldest or '', ms of the newest or '', now in ms} ]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'runId')
local epoch, sound = sale[1], 1
if not epoch or sale[2] or sale[3] ~= runId() then sound = 0 end
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[4], KEYS[6], KEYS[7]}) do
  if redis.call('HGET', key, STAMP) ~= epoch then sound = 0 end
end
local entries = redis.call('ZCARD', KEYS[5])
if redis.call('HLEN', KEYS[4]) ~= entries + 1 then sound = 0 end
local oldest = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')
local newest = redis.call('ZRANGE', KEYS[5], -1, -1, 'WITHSCORES')
local time = redis.call('TIME')
return {epoch or '', sale[2] or '', sound, redis.call('HGETALL', KEYS[2]), entries, oldest[2] or '', newest[2] or '',
  string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))}
