-- KEYS: stream. ARGV: id, entries counted at most. Returns {id of the first entry after that id, how many there are}.
local e = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
return {e[1] and e[1][1] or '', #e}
