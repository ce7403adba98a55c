-- Moves a worker's processing list back to the consuming end, so that its oldest task is taken next.
-- KEYS: queue, processing list, heartbeat. ARGV: consuming end, elements at most, 'dead' or 'own'.
-- Returns how many were moved; -1: that worker is alive.
if ARGV[3] == 'dead' and redis.call('EXISTS', KEYS[3]) == 1 then return -1 end
local push = ARGV[1] == 'right' and 'RPUSH' or 'LPUSH'
local moved = 0
while moved < tonumber(ARGV[2]) do
  local element = redis.call('LINDEX', KEYS[2], 0)
  if not element then break end
  -- Push first: if it is refused nothing has been removed.
  redis.call(push, KEYS[1], element)
  redis.call('LPOP', KEYS[2])
  moved = moved + 1
end
return moved
