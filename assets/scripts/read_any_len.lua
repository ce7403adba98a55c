-- KEYS: anything. Returns the length of a container, 0 where nothing stands, nothing for a string.
local t = redis.call('TYPE', KEYS[1]).ok
if t == 'none' then return 0 end
local c = ({list = 'LLEN', zset = 'ZCARD', set = 'SCARD', hash = 'HLEN', stream = 'XLEN'})[t]
return c and redis.call(c, KEYS[1])
