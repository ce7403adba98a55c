-- KEYS: set. ARGV: members to look at. Returns {number of members, member, ...}: at most 64, cut to 256 bytes.
local k = KEYS[1]
local r = {redis.call('SCARD', k)}
if r[1] == 0 then return r end
local s = redis.call('SSCAN', k, '0', 'COUNT', ARGV[1])[2]
for i = 1, math.min(#s, 64) do r[#r + 1] = string.sub(s[i], 1, 256) end
return r
