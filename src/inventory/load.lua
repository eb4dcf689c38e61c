--[[ load: puts a fenced sale into the state that Postgres and the outbox say, and lifts the fence.
  KEYS[1] sale  KEYS[2] stock  KEYS[3] buyers  KEYS[4] queued  KEYS[5] queued-at  KEYS[6] queued-by  KEYS[7] idem
  KEYS[8] staged stock  KEYS[9] staged buyers  KEYS[10] staged queued-by  KEYS[11] staged idem  KEYS[12] staged queued-at
    (prepared before by stage and in parts, since they may be large; renamed here)
  ARGV[1] token of the fence  ARGV[2] epoch  ARGV[3] number of ticket types
  ARGV[4..] ticketTypeId, tickets that are not sold, ...; then field, value, ... of the sale
  Returns 1, or 0 where the fence is another's, or what was prepared or the outbox is not as it was (changed nothing) ]]
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
for i = 8, 11 do
  if redis.call('HGET', KEYS[i], STAMP) ~= ARGV[2] then return 0 end
end
local entries = redis.call('ZCARD', KEYS[12])
if redis.call('HLEN', KEYS[4]) - redis.call('HEXISTS', KEYS[4], STAMP) ~= entries then return 0 end
for i = 1, 7 do
  if i ~= 4 then redis.call('UNLINK', KEYS[i]) end
end
for staged = 8, 11 do
  local key = ({[8] = 2, [9] = 3, [10] = 6, [11] = 7})[staged]
  redis.call('RENAME', KEYS[staged], KEYS[key])
  redis.call('PERSIST', KEYS[key])
end
if entries > 0 then
  redis.call('RENAME', KEYS[12], KEYS[5])
  redis.call('PERSIST', KEYS[5])
end
local fields = 4 + 2 * ARGV[3]
for i = 4, fields - 1, 2 do
  local queued = redis.call('HGET', KEYS[2], ARGV[i] .. ':queued') or 0
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1] - queued, ARGV[i] .. ':queued', queued, ARGV[i] .. ':settled', 0, ARGV[i] .. ':returned', 0)
end
for i = fields, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'loaded', ARGV[2], 'runId', runId())
redis.call('HSET', KEYS[4], STAMP, ARGV[2])
return 1
