-- Moves a failed task from the processing list to the list of failed ones.
-- KEYS: processing list, failed list. ARGV: element, how many to keep (0: all).
-- Returns 1; 0: it was no longer in the processing list, and nothing changed.
-- Push first: if it is refused (type, memory, rights) nothing has been removed.
redis.call('LPUSH', KEYS[2], ARGV[1])
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then
  redis.call('LPOP', KEYS[2])
  return 0
end
if ARGV[2] ~= '0' then redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[2]) - 1) end
return 1
