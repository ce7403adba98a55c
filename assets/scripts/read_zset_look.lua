-- KEYS: sorted set. ARGV: members at most. Returns {number of members, member, score, ...}, members cut to 256 bytes.
local k = KEYS[1]
local r = {redis.call('ZCARD', k)}
local s = redis.call('ZRANGE', k, 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #s, 2 do
  r[#r + 1] = string.sub(s[i], 1, 256)
  r[#r + 1] = s[i + 1]
end
return r
