-- KEYS: hash. ARGV: field, bytes at most. Returns the first bytes of the field, or nothing.
local v = redis.call('HGET', KEYS[1], ARGV[1])
if not v then return v end
return string.sub(v, 1, tonumber(ARGV[2]))
