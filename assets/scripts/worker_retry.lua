-- Moves a failed task from its processing list to those that rest until their next attempt.
-- KEYS: processing list, retries. ARGV: element, member, pause in ms, our clock in ms where TIME is denied.
-- Returns 1; 0: it was no longer in the processing list, and nothing changed.
-- Before Redis 5 a script that asks for the time may only write when it replicates its effects.
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.pcall('TIME')
local now = time.err and tonumber(ARGV[4]) or tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- Add first: if it is refused (type, memory, rights) nothing has been removed.
redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[2])
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[2])
  return 0
end
return 1
