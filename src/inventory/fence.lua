--[[ fence: shuts reserve out of a sale until a load with the same token, or any later reload, is through.
  KEYS[1] sale
  ARGV[1] token of this attempt, which no other attempt ever has
  Returns 1 ]]
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
return 1
