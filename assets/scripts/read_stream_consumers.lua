-- KEYS: stream. ARGV: group. Returns {how many, name, pending, idle, ...}: the first 64 consumers, names cut.
local c = redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
local r = {#c}
for i = 1, math.min(#c, 64) do
  local f = {}
  for j = 1, #c[i] - 1, 2 do f[c[i][j]] = c[i][j + 1] end
  r[#r + 1] = string.sub(f.name or '', 1, 256)
  r[#r + 1] = f.pending or -1
  r[#r + 1] = f.idle or -1
end
return r
