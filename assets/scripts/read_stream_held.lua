-- KEYS: stream. ARGV: group, entries at most, bytes of each field at most.
-- Returns {how many are held, {id, field, length, first bytes, ...}, ...}, oldest first; the first field says by whom.
-- One that was deleted has no fields.
local k, g, n, m = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local r = {redis.call('XPENDING', k, g)[1]}
local held = redis.call('XPENDING', k, g, '-', '+', n)
for i = 1, #held do
  local h = held[i]
  local who = string.sub(h[2], 1, 256) .. ' of group ' .. string.sub(g, 1, 256)
  who = who .. string.format(', for %ds, given %d times', h[3] / 1000, h[4])
  local f = {h[1], 'held by', #who, who}
  local e = redis.call('XRANGE', k, h[1], h[1])[1]
  local p = e and e[2] or {'(deleted or trimmed)', ''}
  for j = 1, math.min(#p, 32) - 1, 2 do
    f[#f + 1] = string.sub(p[j], 1, 256)
    f[#f + 1] = #p[j + 1]
    f[#f + 1] = string.sub(p[j + 1], 1, m)
  end
  r[#r + 1] = f
end
return r
