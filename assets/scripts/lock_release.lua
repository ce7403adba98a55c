-- KEYS: lock. ARGV: token. Returns 1 released; 0 another token; -1 gone.
-- The token is unique for each run, so running late can delete nothing but our own lock.
local value = redis.call('GET', KEYS[1])
if not value then return -1 end
if value ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
