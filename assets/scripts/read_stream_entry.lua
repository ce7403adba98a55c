-- KEYS: stream. ARGV: id. Returns {id, field, value, ...} of the first entry after that id, cut; {} where none is.
local e = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', 1)[1]
if not e then return {} end
local r = {e[1]}
for i = 1, math.min(#e[2], 16) do r[#r + 1] = string.sub(e[2][i], 1, 256) end
return r
