-- Moves the retry that is due first to the worker's own list of retries.
-- KEYS: retries, the worker's retries, heartbeat. ARGV: our clock in ms where TIME is denied.
-- Returns the member, or a number: ms until the next is due; -1: there is none; -2: the heartbeat has run out.
if redis.replicate_commands then redis.replicate_commands() end
if redis.call('EXISTS', KEYS[3]) == 0 then return -2 end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not first[1] then return -1 end
local time = redis.pcall('TIME')
local now = time.err and tonumber(ARGV[1]) or tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local wait = math.ceil(tonumber(first[2]) - now)
if wait > 0 then return wait end
-- Push first: if it is refused (type, memory, rights) nothing has been removed.
redis.call('LPUSH', KEYS[2], first[1])
redis.call('ZREM', KEYS[1], first[1])
return first[1]
