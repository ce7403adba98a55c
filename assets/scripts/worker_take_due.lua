-- Moves the retries that are due to the worker's own list of retries, the first of them first.
-- KEYS: retries, the worker's retries, heartbeat. ARGV: our clock in ms where TIME is denied, how many at most.
-- Returns the members, or a number: ms until the next is due; -1: there is none; -2: the heartbeat has run out.
if redis.replicate_commands then redis.replicate_commands() end
if redis.call('EXISTS', KEYS[3]) == 0 then return -2 end
local time = redis.pcall('TIME')
local now = time.err and tonumber(ARGV[1]) or tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local taken = {}
while #taken < tonumber(ARGV[2]) do
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  local wait = first[1] and math.ceil(tonumber(first[2]) - now) or -1
  if not first[1] or wait > 0 then
    if #taken == 0 then return wait end
    break
  end
  -- Push first: if it is refused (type, memory, rights) nothing has been removed.
  redis.call('LPUSH', KEYS[2], first[1])
  redis.call('ZREM', KEYS[1], first[1])
  taken[#taken + 1] = first[1]
end
return taken
