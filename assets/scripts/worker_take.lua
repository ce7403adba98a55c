-- Moves the next element from the left end to the worker's own list, for servers without BLMOVE.
-- KEYS: queue, processing list. Returns the element or nil.
local element = redis.call('LINDEX', KEYS[1], 0)
if not element then return false end
-- Push first: if it is refused nothing has been removed.
redis.call('LPUSH', KEYS[2], element)
redis.call('LPOP', KEYS[1])
return element
