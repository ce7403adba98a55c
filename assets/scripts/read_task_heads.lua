-- KEYS: anything. ARGV: its type (L Z X, ? to ask), '1' from the end on, tasks at most, bytes of each at most, since.
-- A string is one task. Returns {how many there are, {length, first bytes}, ...}, of a stream {id, field, length, first bytes, ...}.
-- Since: of a stream the first id, of a sorted set what the score must be above: 'now' in these steps of a second.
local k, t, back, n, m, since = KEYS[1], ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if t == '?' then
  t = ({list = 'L', zset = 'Z', stream = 'X', set = 'S', hash = 'H'})[redis.call('TYPE', k).ok]
  if not t then
    if redis.call('TYPE', k).ok ~= 'string' then return {0} end
    return {1, {redis.call('STRLEN', k), redis.call('GETRANGE', k, 0, m - 1)}}
  end
end
local function head(e) return {#e, string.sub(e, 1, m)} end
if t == 'X' then
  local r = {redis.call('XLEN', k)}
  local from = since == '' and '-' or since
  local e = back and redis.call('XREVRANGE', k, '+', from, 'COUNT', n) or redis.call('XRANGE', k, from, '+', 'COUNT', n)
  for i = 1, #e do
    local f, p = {e[i][1]}, e[i][2]
    for j = 1, math.min(#p, 32) - 1, 2 do
      f[#f + 1] = string.sub(p[j], 1, 256)
      f[#f + 1] = #p[j + 1]
      f[#f + 1] = string.sub(p[j + 1], 1, m)
    end
    r[#r + 1] = f
  end
  return r
end
-- Of sets and hashes any are as good as others: they are given from one end only.
if t == 'S' or t == 'H' then
  local r = {redis.call(t == 'S' and 'SCARD' or 'HLEN', k)}
  if back or r[1] == 0 then return r end
  local s = redis.call(t == 'S' and 'SSCAN' or 'HSCAN', k, '0', 'COUNT', n)[2]
  local w = t == 'S' and 1 or 2
  for i = w, math.min(#s, n * w), w do r[#r + 1] = head(s[i]) end
  return r
end
if t == 'Z' and since ~= '' then
  local now = redis.call('TIME')
  now = now[1] + now[2] / 1000000
  since = '(' .. string.format('%.0f', now * tonumber(since))
  local r = {redis.call('ZCOUNT', k, since, '+inf')}
  local e = back and redis.call('ZREVRANGEBYSCORE', k, '+inf', since, 'LIMIT', 0, n)
    or redis.call('ZRANGEBYSCORE', k, since, '+inf', 'LIMIT', 0, n)
  for i = 1, #e do r[#r + 1] = head(e[i]) end
  return r
end
-- Long tasks are copied within the server: after 4 MiB of them it stops.
local r = {redis.call(t == 'Z' and 'ZCARD' or 'LLEN', k)}
local spent = 0
for i = 0, math.min(n, r[1]) - 1 do
  local p = back and -1 - i or i
  local e
  if t == 'Z' then e = redis.call('ZRANGE', k, p, p)[1] else e = redis.call('LINDEX', k, p) end
  if not e then break end
  r[#r + 1] = head(e)
  spent = spent + #e
  if spent > 4194304 then break end
end
return r
