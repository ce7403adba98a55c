-- Runs one plan atomically: deadline, then every guard, then the steps in order.
-- KEYS[1] is the subject; KEYS holds every key that guards and steps touch.
-- ARGV: deadline ms, restore ttl ms or '', released at ms or '',
--       number of guards, then 4 for each: kind, index into KEYS, first, second,
--       number of steps, then for each: count, arguments.
-- Answer: {word, detail, pttl before, server ms, {replies of the steps that ran}}
-- Before Redis 5 a script that asks for the time may only write when it replicates its effects.
if redis.replicate_commands then redis.replicate_commands() end
local pttl, now, replies = -3, 0, {}
local function answer(word, detail) return {word, detail or '', pttl, now, replies} end
local function failed(reply) return type(reply) == 'table' and reply.err end

local time = redis.pcall('TIME')
if failed(time) then return answer('ERR', time.err) end
now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if now > tonumber(ARGV[1]) then return answer('LATE') end

local guard = {}
function guard.equals(key, value)
  local len = redis.pcall('STRLEN', key)
  if failed(len) then return 'ERR', len.err end
  if len ~= #value then
    if len == 0 and redis.pcall('EXISTS', key) == 0 then return 'GONE' end
    return 'CHANGED'
  end
  local is = redis.pcall('GET', key)
  if failed(is) then return 'ERR', is.err end
  if not is then return 'GONE' end
  if is ~= value then return 'CHANGED' end
end
function guard.length(key, len)
  local is = redis.pcall('STRLEN', key)
  if failed(is) then return 'ERR', is.err end
  if is == 0 then return 'GONE' end
  if is ~= tonumber(len) then return 'CHANGED' end
end
function guard.digest(key, len, sha1)
  local word, detail = guard.length(key, len)
  if word then return word, detail end
  local is = redis.pcall('GET', key)
  if failed(is) then return 'ERR', is.err end
  if redis.sha1hex(is) ~= sha1 then return 'CHANGED' end
end
function guard.type(key, wanted, absent_ok)
  local is = redis.pcall('TYPE', key)
  if failed(is) then return 'ERR', is.err end
  if is.ok == 'none' then
    if absent_ok ~= '1' then return 'GONE' end
  elseif is.ok ~= wanted then
    return 'WRONGTYPE'
  end
end
function guard.absent(key)
  local is = redis.pcall('EXISTS', key)
  if failed(is) then return 'ERR', is.err end
  if is ~= 0 then return 'TAKEN' end
end
function guard.nottl(key)
  local is = redis.pcall('PTTL', key)
  if failed(is) then return 'ERR', is.err end
  if is == -2 then return 'GONE' end
  if is ~= -1 then return 'TOUCHED' end
end
function guard.hexists(key, field)
  local is = redis.pcall('HEXISTS', key, field)
  if failed(is) then return 'ERR', is.err end
  if is == 1 then return end
  if redis.pcall('EXISTS', key) == 0 then return 'GONE' end
  return 'CHANGED'
end
function guard.hequals(key, field, value)
  local is = redis.pcall('HGET', key, field)
  if failed(is) then return 'ERR', is.err end
  if is == value then return end
  if redis.pcall('EXISTS', key) == 0 then return 'GONE' end
  return 'CHANGED'
end
function guard.zmember(key, member)
  local is = redis.pcall('ZSCORE', key, member)
  if failed(is) then return 'ERR', is.err end
  if is then return end
  if redis.pcall('EXISTS', key) == 0 then return 'GONE' end
  return 'CHANGED'
end
function guard.lindex(key, index, value)
  local is = redis.pcall('LINDEX', key, index)
  if failed(is) then return 'ERR', is.err end
  if not is then return 'GONE' end
  if is ~= value then return 'CHANGED' end
end
function guard.lpos(key, value, searched)
  local is = redis.pcall('LPOS', key, value, 'MAXLEN', searched)
  if failed(is) then return 'ERR', is.err end
  if is then return end
  if redis.pcall('EXISTS', key) == 0 then return 'GONE' end
  return 'CHANGED'
end
function guard.hlen(key, len)
  local is = redis.pcall('HLEN', key)
  if failed(is) then return 'ERR', is.err end
  if is == 0 then return 'GONE' end
  if is ~= tonumber(len) then return 'CHANGED' end
end
-- An undo: the part must not be there, the key may be gone.
function guard.hnofield(key, field)
  local is = redis.pcall('HEXISTS', key, field)
  if failed(is) then return 'ERR', is.err end
  if is == 1 then return 'TAKEN' end
end
function guard.znomember(key, member)
  local is = redis.pcall('ZSCORE', key, member)
  if failed(is) then return 'ERR', is.err end
  if is then return 'TAKEN' end
end
function guard.zatmost(key, len)
  local is = redis.pcall('ZCARD', key)
  if failed(is) then return 'ERR', is.err end
  if is > tonumber(len) then return 'TAKEN' end
end
function guard.smember(key, member)
  local is = redis.pcall('SISMEMBER', key, member)
  if failed(is) then return 'ERR', is.err end
  if is == 1 then return end
  if redis.pcall('EXISTS', key) == 0 then return 'GONE' end
  return 'CHANGED'
end
function guard.snomember(key, member)
  local is = redis.pcall('SISMEMBER', key, member)
  if failed(is) then return 'ERR', is.err end
  if is == 1 then return 'TAKEN' end
end

local at = 5
for _ = 1, tonumber(ARGV[4]) do
  local word, detail = guard[ARGV[at]](KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3])
  if word then return answer(word, detail) end
  at = at + 4
end

local rest
if ARGV[2] ~= '' then
  rest = tonumber(ARGV[2]) - math.max(0, now - tonumber(ARGV[3]))
  if rest < 1 then return answer('EXPIRED') end
end
local left = redis.pcall('PTTL', KEYS[1])
if type(left) == 'number' then pttl = left end

local steps = tonumber(ARGV[at])
at = at + 1
for step = 1, steps do
  local count = tonumber(ARGV[at])
  local args = {unpack(ARGV, at + 1, at + count)}
  at = at + count + 1
  if rest and args[1] == 'SET' then
    args[count + 1] = 'PX'
    args[count + 2] = string.format('%.0f', rest)
  end
  local reply = redis.pcall(unpack(args))
  if failed(reply) then return answer('STEP', reply.err) end
  replies[step] = reply
end
return answer('DONE')
