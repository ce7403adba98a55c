-- KEYS: sorted set, hash or list. ARGV: its command of length, field of the JSON.
-- Returns {number of entries, {queue, ...}}; more than a hundred entries are only counted.
local k = KEYS[1]
local n = redis.call(ARGV[1], k)
if n > 100 then return {n} end
local e
if ARGV[1] == 'HLEN' then
  e = redis.call('HVALS', k)
else
  e = redis.call(ARGV[1] == 'LLEN' and 'LRANGE' or 'ZRANGE', k, 0, -1)
end
local r = {}
for i = 1, #e do
  local ok, j = pcall(cjson.decode, e[i])
  local q = ok and type(j) == 'table' and j[ARGV[2]]
  r[i] = type(q) == 'string' and string.sub(q, 1, 512) or ''
end
return {n, r}
