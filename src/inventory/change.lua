--[[ change: the reload of a sale that is well: moves it to its next epoch, with other fields and with more or less capacity.
  Stock moves by a difference, so what buyers, workers and returns do meanwhile stays counted, and nobody is fenced out.
  KEYS[1] sale  KEYS[2] stock  KEYS[3] buyers  KEYS[4] queued  KEYS[5] queued-by  KEYS[6] idem
  ARGV[1] epoch it must have  ARGV[2] next epoch
  ARGV[3] buyerId for whom stock is taken again, or '' for nobody  ARGV[4] his tickets  ARGV[5] how many he may have
  ARGV[6] number of fields  ARGV[7..] field, value, ... of the sale; then ticketTypeId, difference, ...
  Returns {'changed'}, {'unsound'} (changed nothing: reload it whole), {'taken', ticketTypeId, ...} (changed nothing: a cut
    exceeds what is available of these), {'limit'} (changed nothing: the buyer would have too many) ]]
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'runId')
if sale[1] ~= ARGV[1] or sale[2] or sale[3] ~= runId() then return {'unsound'} end
for i = 2, 6 do
  if redis.call('HGET', KEYS[i], STAMP) ~= ARGV[1] then return {'unsound'} end
end
local first, taken = 7 + 2 * ARGV[6], {'taken'}
for i = first, #ARGV, 2 do
  if (redis.call('HGET', KEYS[2], ARGV[i]) or 0) + ARGV[i + 1] < 0 then taken[#taken + 1] = ARGV[i] end
end
if #taken > 1 then return taken end
if ARGV[3] ~= '' then
  if (redis.call('HGET', KEYS[3], ARGV[3]) or 0) + ARGV[4] > tonumber(ARGV[5]) then return {'limit'} end
  redis.call('HINCRBY', KEYS[3], ARGV[3], ARGV[4])
end
for i = first, #ARGV, 2 do redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = 7, first - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
for i = 2, 6 do redis.call('HSET', KEYS[i], STAMP, ARGV[2]) end
return {'changed'}
