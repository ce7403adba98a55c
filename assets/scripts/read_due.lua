-- KEYS: sorted set of times. ARGV: steps of the score in a second.
-- Returns {number of members, those at or below zero, those due}; the server's clock decides what is due.
local k = KEYS[1]
local t = redis.call('TIME')
local now = (t[1] + t[2] / 1000000) * ARGV[1]
local due = redis.call('ZCOUNT', k, '(0', string.format('%.0f', now))
return {redis.call('ZCARD', k), redis.call('ZCOUNT', k, '-inf', 0), due}
