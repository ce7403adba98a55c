-- Moves the first redwarden test tasks from the consuming end to the worker's own list; never another element.
-- KEYS: queue, processing list, heartbeat.
-- ARGV: consuming end ('right' or 'left'), elements to look at, longest element to parse, bytes to look at, kind,
-- how many to take at most.
-- Returns the tasks in the order they were taken, or 0: none among those; -1: stopped at the byte limit; -2: the
-- heartbeat has run out.
if redis.call('EXISTS', KEYS[3]) == 0 then return -2 end
local right = ARGV[1] == 'right'
local taken, passed, seen = {}, 0, 0
for _ = 1, tonumber(ARGV[2]) do
  local element = redis.call('LINDEX', KEYS[1], right and (-1 - passed) or passed)
  if not element then break end
  seen = seen + #element
  local ours = false
  if #element <= tonumber(ARGV[3]) and string.find(element, ARGV[5], 1, true) then
    local ok, task = pcall(cjson.decode, element)
    ours = ok and type(task) == 'table' and task.kind == ARGV[5]
  end
  if ours then
    -- Push first: if it is refused (type, memory, rights) nothing has been removed.
    redis.call('LPUSH', KEYS[2], element)
    redis.call('LREM', KEYS[1], right and -1 or 1, element)
    taken[#taken + 1] = element
    if #taken >= tonumber(ARGV[6]) then return taken end
  else
    passed = passed + 1
  end
  if seen > tonumber(ARGV[4]) then
    if #taken == 0 then return -1 end
    break
  end
end
if #taken == 0 then return 0 end
return taken
