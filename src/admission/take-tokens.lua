--[[ take-tokens: takes from token buckets for many requests, in their order. Each takes from all of its buckets or from none.
  KEYS[i]  bucket  two doubles: tokens left, ms since epoch when that was so; gone once it is full
  ARGV[1]  JSON {policies: [[capacity, windowMs], …], buckets: [place of the policy of KEYS[i], …], draws: [[cost, place of a bucket, …], …]}
           A cost below 0 is a debt: it is taken whatever is left, down to -capacity
  Returns {{draw by draw: 0 taken, else the place in the draw of the first bucket that lacks}, {bucket by bucket: thousandths of a token left}}
  Places count from 1. A call that is lost may have taken; repeating it takes again ]]
-- no replica and no disk need them: a bucket that is lost is a full one
redis.set_repl(redis.REPL_NONE)
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local input = cjson.decode(ARGV[1])
local kept = redis.call('MGET', unpack(KEYS))
local left, drawn = {}, {}
for i = 1, #KEYS do
  local policy = input.policies[input.buckets[i]]
  left[i] = policy[1]
  if kept[i] then
    local was, at = struct.unpack('<dd', kept[i])
    -- a clock that was set back gives nothing, and takes nothing either
    left[i] = math.min(policy[1], was + math.max(0, now - at) * policy[1] / policy[2])
  end
end

local refused = {}
for d, draw in ipairs(input.draws) do
  local cost = draw[1]
  refused[d] = 0
  if cost < 0 then
    for p = 2, #draw do
      local i = draw[p]
      left[i] = math.max(-input.policies[input.buckets[i]][1], left[i] + cost)
      drawn[i] = true
    end
  else
    for p = #draw, 2, -1 do
      -- what a fraction of a token is short of by rounding is not short
      if left[draw[p]] + 1e-6 < cost then refused[d] = p - 1 end
    end
    if refused[d] == 0 then
      for p = 2, #draw do
        left[draw[p]] = left[draw[p]] - cost
        drawn[draw[p]] = true
      end
    end
  end
end

local milli = {}
for i, key in ipairs(KEYS) do
  milli[i] = math.floor(left[i] * 1000 + 0.5)
  if drawn[i] then
    local policy = input.policies[input.buckets[i]]
    local untilFullMs = math.ceil((policy[1] - left[i]) * policy[2] / policy[1])
    redis.call('SET', key, struct.pack('<dd', left[i], now), 'PX', math.max(1, untilFullMs))
  end
end
return { refused, milli }
