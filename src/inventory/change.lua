--[[ change: the reload of a sale that is well: moves it to its next epoch, with other fields and with more or less capacity.
  Stock moves by a difference, so what buyers, workers and returns do meanwhile stays counted, and nobody is fenced out.
  KEYS[1] sale  KEYS[2] stock  KEYS[3] buyers  KEYS[4] queued  KEYS[5] queued-by  KEYS[6] idem
  ARGV[1] epoch it must have  ARGV[2] next epoch  ARGV[3] number of fields
  ARGV[4..] field, value, ... of the sale; then ticketTypeId, difference, ...
  Returns {'changed'}, {'unsound'} (changed nothing: reload it whole), {'taken', ticketTypeId, ...} (changed nothing: a cut
    exceeds what is available of these) ]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'runId')
if sale[1] ~= ARGV[1] or sale[2] or sale[3] ~= runId() then return {'unsound'} end
for i = 2, 6 do
  if redis.call('HGET', KEYS[i], STAMP) ~= ARGV[1] then return {'unsound'} end
end
local first, taken = 4 + 2 * ARGV[3], {'taken'}
for i = first, #ARGV, 2 do
  if (redis.call('HGET', KEYS[2], ARGV[i]) or 0) + ARGV[i + 1] < 0 then taken[#taken + 1] = ARGV[i] end
end
if #taken > 1 then return taken end
for i = first, #ARGV, 2 do redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = 4, first - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
for i = 2, 6 do redis.call('HSET', KEYS[i], STAMP, ARGV[2]) end
return {'changed'}
