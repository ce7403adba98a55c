-- KEYS: stream. ARGV: field, bytes at most. Returns the first bytes of that field of the last entry, or nothing.
local e = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not e then return false end
for i = 1, #e[2] - 1, 2 do
  if e[2][i] == ARGV[1] then return string.sub(e[2][i + 1], 1, tonumber(ARGV[2])) end
end
return false
