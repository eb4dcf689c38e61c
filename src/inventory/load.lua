--[[ load: puts a fenced sale into the state that Postgres and the outbox say, and lifts the fence.
  KEYS[1] sale  KEYS[2] stock  KEYS[3] buyers  KEYS[4] queued  KEYS[5] queued-at  KEYS[6] queued-sum  KEYS[7] queued-by
  KEYS[8] idem  KEYS[9] returned
  KEYS[10] staged buyers  KEYS[11] staged queued-by  KEYS[12] staged idem  KEYS[13] staged queued-at  (large ones are prepared before, then renamed)
  ARGV[1] token of the fence  ARGV[2] epoch  ARGV[3] entries in the outbox  ARGV[4] number of fields  ARGV[5] number of ticket types
  ARGV[6..] field, value, ... of the sale; then ticketTypeId, available, ...; then ticketTypeId, in the outbox, ...
  Returns 1, or 0 where the fence is another's, or what was prepared or the outbox is not as it was (changed nothing) ]]
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
local entries = tonumber(ARGV[3])
for i = 10, 12 do
  if redis.call('HGET', KEYS[i], STAMP) ~= ARGV[2] then return 0 end
end
if redis.call('ZCARD', KEYS[13]) ~= entries
  or redis.call('HLEN', KEYS[4]) - redis.call('HEXISTS', KEYS[4], STAMP) ~= entries then return 0 end
for i = 1, 9 do
  if i ~= 4 then redis.call('UNLINK', KEYS[i]) end
end
local from = 6
local function fill(key, count)
  for i = from, from + 2 * count - 1, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
  from = from + 2 * count
end
fill(KEYS[1], tonumber(ARGV[4]))
fill(KEYS[2], tonumber(ARGV[5]))
fill(KEYS[6], tonumber(ARGV[5]))
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'runId', runId())
redis.call('HSET', KEYS[2], STAMP, ARGV[2])
redis.call('HSET', KEYS[4], STAMP, ARGV[2])
for staged, key in pairs({[10] = 3, [11] = 7, [12] = 8, [13] = 5}) do
  if staged < 13 or entries > 0 then
    redis.call('RENAME', KEYS[staged], KEYS[key])
    redis.call('PERSIST', KEYS[key])
  end
end
return 1
