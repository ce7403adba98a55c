-- KEYS: stream. Returns {length, entries ever added}; XINFO STREAM itself would send two whole entries.
local s = redis.call('XINFO', 'STREAM', KEYS[1])
local r = {0, -1}
for i = 1, #s - 1, 2 do
  if s[i] == 'length' then
    r[1] = s[i + 1]
  elseif s[i] == 'entries-added' then
    r[2] = s[i + 1]
  end
end
return r
