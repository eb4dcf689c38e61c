-- Prelude of the scripts that ask whether Redis can be trusted with a sale (see lua.ts).
-- STAMP is the field that holds the epoch in `stock`, `buyers`, `queued`, `queued-by` and `idem`.
local STAMP = ''
-- The run id of the server that runs this script: it changes when Redis restarts or fails over, and then Redis may be
-- older than it was. Only the server itself can say it without a race.
local function runId()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
