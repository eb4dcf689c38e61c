--[[ mark-orders: tells that orders are being changed, that a change of them has ended, or that nobody knows whether it will be made.
  Changes of the last kind share one field, so that a mark does not grow with attempts that fail.
  KEYS[1..] each the mark of one order, hash: version, and a field for every change under way, '?' for those of which nobody knows
  ARGV[1] 'begin', 'end' or 'lose'  ARGV[2] the change's id  ARGV[3] the version that the marks have from here on
  ARGV[4] ms that a mark lives while a change is under way  ARGV[5] ms that it lives after the last one has ended
  Returns nothing ]]
for _, key in ipairs(KEYS) do
  redis.call('HSET', key, 'version', ARGV[3])
  if ARGV[1] == 'begin' then redis.call('HSET', key, ARGV[2], '') else redis.call('HDEL', key, ARGV[2]) end
  if ARGV[1] == 'lose' then redis.call('HSET', key, '?', '') end
  redis.call('PEXPIRE', key, redis.call('HLEN', key) > 1 and ARGV[4] or ARGV[5])
end
