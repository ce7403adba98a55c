-- Moves a failed task from its processing list to the dead-letter list.
-- KEYS: processing list, dead-letter list. ARGV: element, its payload, how many to keep (0: all).
-- Returns 1; 0: it was no longer in the processing list, and nothing changed.
-- Push first: if it is refused (type, memory, rights) nothing has been removed.
redis.call('LPUSH', KEYS[2], ARGV[2])
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then
  redis.call('LPOP', KEYS[2])
  return 0
end
if ARGV[3] ~= '0' then redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[3]) - 1) end
return 1
