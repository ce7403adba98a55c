-- Moves the next elements from the left end to the worker's own list, for servers without BLMOVE.
-- KEYS: queue, processing list. ARGV: how many at most. Returns the elements, in the order they were taken.
local taken = {}
while #taken < tonumber(ARGV[1]) do
  local element = redis.call('LINDEX', KEYS[1], 0)
  if not element then break end
  -- Push first: if it is refused nothing has been removed.
  redis.call('LPUSH', KEYS[2], element)
  redis.call('LPOP', KEYS[1])
  taken[#taken + 1] = element
end
return taken
