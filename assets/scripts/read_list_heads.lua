-- KEYS: list. ARGV: elements at most, bytes of each at most. Returns {length, element, ...}.
local k = KEYS[1]
local r = {redis.call('LLEN', k)}
local e = redis.call('LRANGE', k, 0, ARGV[1] - 1)
for i = 1, #e do r[#r + 1] = string.sub(e[i], 1, tonumber(ARGV[2])) end
return r
