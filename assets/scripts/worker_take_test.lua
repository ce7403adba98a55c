-- Moves the first redwarden test task from the consuming end to the worker's own list; never another element.
-- KEYS: queue, processing list, heartbeat.
-- ARGV: consuming end ('right' or 'left'), elements to look at, longest element to parse, bytes to look at, kind.
-- Returns the task, or 0: none among those; -1: stopped at the byte limit; -2: the heartbeat has run out.
if redis.call('EXISTS', KEYS[3]) == 0 then return -2 end
local right = ARGV[1] == 'right'
local seen = 0
for i = 0, tonumber(ARGV[2]) - 1 do
  local element = redis.call('LINDEX', KEYS[1], right and (-1 - i) or i)
  if not element then return 0 end
  seen = seen + #element
  if #element <= tonumber(ARGV[3]) and string.find(element, ARGV[5], 1, true) then
    local ok, task = pcall(cjson.decode, element)
    if ok and type(task) == 'table' and task.kind == ARGV[5] then
      -- Push first: if it is refused (type, memory, rights) nothing has been removed.
      redis.call('LPUSH', KEYS[2], element)
      redis.call('LREM', KEYS[1], right and -1 or 1, element)
      return element
    end
  end
  if seen > tonumber(ARGV[4]) then return -1 end
end
return 0
