-- KEYS: list. ARGV: index, bytes at most. Returns {whole length, first bytes}, or {} where no element stands.
local e = redis.call('LINDEX', KEYS[1], ARGV[1])
if not e then return {} end
return {#e, string.sub(e, 1, tonumber(ARGV[2]))}
