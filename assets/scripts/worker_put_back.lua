-- Puts the task taken last back to the consuming end. KEYS: queue, processing list. ARGV: consuming end, element.
-- Returns 1; 0: it is not the one taken last, and nothing changed.
if redis.call('LINDEX', KEYS[2], 0) ~= ARGV[2] then return 0 end
redis.call(ARGV[1] == 'right' and 'RPUSH' or 'LPUSH', KEYS[1], ARGV[2])
redis.call('LPOP', KEYS[2])
return 1
