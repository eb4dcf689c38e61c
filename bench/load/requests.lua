--[[ The requests of wrk, each with another buyer's token and, where there is a prefix, another idempotency key.
  Arguments: method, file of tokens (one a line), prefix of the idempotency keys or '', body or '', file of paths or '',
  'addresses' to let each request come from an address of its own (10.0.0.0/8, in X-Forwarded-For) or ''
  Prints one line of JSON. One thread only: the numbers are counted in it. ]]
local method, headers, ending, prefix, paths, tokens, addresses
local sent = 0

local function lines(name)
  local all = {}
  for line in io.lines(name) do all[#all + 1] = line end
  return all
end

function init(args)
  local body = args[4] or ''
  method = args[1]
  tokens = lines(args[2])
  prefix = args[3] or ''
  if args[5] and args[5] ~= '' then paths = lines(args[5]) end
  addresses = args[6] == 'addresses'
  headers = ' HTTP/1.1\r\nHost: ' .. wrk.host .. '\r\n'
  if body ~= '' then headers = headers .. 'Content-Type: application/json\r\nContent-Length: ' .. #body .. '\r\n' end
  ending = '\r\n\r\n' .. body
end

function request()
  local i = sent
  sent = i + 1
  local path = paths and paths[i % #paths + 1] or wrk.path
  local key = ''
  if prefix ~= '' then key = '\r\nIdempotency-Key: ' .. prefix .. i end
  if addresses then key = key .. string.format('\r\nX-Forwarded-For: 10.%d.%d.%d', math.floor(i / 65536) % 256, math.floor(i / 256) % 256, i % 256) end
  return method .. ' ' .. path .. headers .. 'Authorization: Bearer ' .. tokens[i % #tokens + 1] .. key .. ending
end

function done(summary)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d}\n', summary.requests, summary.duration / 1e6,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
