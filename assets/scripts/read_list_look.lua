-- KEYS: list. ARGV: index of the newest, index of the next to be taken, '1' if the last newest is known, that element,
-- rank to search from, how many to search.
-- Returns {depth, newest length, newest head, next length, next head, {positions}}; where LINDEX is denied the depth.
-- Positions count from the pushing end; at most two are searched for. LPOS came with 6.0.6; without it there are none.
local k = KEYS[1]
local n = redis.call('LLEN', k)
if n == 0 then return {0} end
local a = redis.pcall('LINDEX', k, ARGV[1])
if type(a) == 'table' then return n end
local b = redis.call('LINDEX', k, ARGV[2])
local r = {n, #a, string.sub(a, 1, 4096), #b, string.sub(b, 1, 4096)}
if ARGV[3] == '1' then
  local p = redis.pcall('LPOS', k, ARGV[4], 'RANK', ARGV[5], 'COUNT', 2, 'MAXLEN', ARGV[6])
  if type(p) == 'table' and p.err then
    r[6] = p.err
  elseif type(p) == 'table' then
    if ARGV[5] == '-1' then
      for i = 1, #p do p[i] = n - 1 - p[i] end
    end
    r[6] = p
  end
end
return r
