--[[ add-figures: adds what one process counted in a sale to the figures of the fleet. A batch that is sent twice counts once.
  KEYS[1] figures       hash: field -> count
  KEYS[2] figures-sent  string: the process's last batch
  ARGV[1] batch  ARGV[2] ms that the figures are kept  ARGV[3] ms that the batch is remembered  ARGV[4..] field, count, ...
  Returns now, in ms ]]
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  for i = 4, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
end
local time = redis.call('TIME')
return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
