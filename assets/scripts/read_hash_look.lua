-- KEYS: hash. ARGV: pattern of fields, how many to look at, bytes of a value at most.
-- Returns {number of fields, field, value, ...}: at most 64 pairs, fields cut to 256 bytes.
local k = KEYS[1]
local r = {redis.call('HLEN', k)}
if r[1] == 0 then return r end
local s = redis.call('HSCAN', k, '0', 'MATCH', ARGV[1], 'COUNT', ARGV[2])[2]
for i = 1, math.min(#s, 128), 2 do
  r[#r + 1] = string.sub(s[i], 1, 256)
  r[#r + 1] = string.sub(s[i + 1], 1, tonumber(ARGV[3]))
end
return r
