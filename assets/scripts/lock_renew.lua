-- KEYS: lock. ARGV: token, TTL in milliseconds. Returns 1 renewed; 0 another token; -1 gone.
local value = redis.call('GET', KEYS[1])
if not value then return -1 end
if value ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
