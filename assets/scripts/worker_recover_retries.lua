-- Moves a worker's list of retries back to those that rest; they are due at once.
-- KEYS: retries, that worker's retries, heartbeat. ARGV: elements at most, 'dead' or 'own'.
-- Returns how many were moved; -1: that worker is alive.
if ARGV[2] == 'dead' and redis.call('EXISTS', KEYS[3]) == 1 then return -1 end
local moved = 0
while moved < tonumber(ARGV[1]) do
  local element = redis.call('LINDEX', KEYS[2], -1)
  if not element then break end
  -- Add first: if it is refused nothing has been removed.
  redis.call('ZADD', KEYS[1], 0, element)
  redis.call('RPOP', KEYS[2])
  moved = moved + 1
end
return moved
