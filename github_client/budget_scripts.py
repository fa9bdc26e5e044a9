"""The Lua side of the budget. Each script is atomic in Redis and takes the same four keys.

KEYS: minute (sorted set, "id:points" by moment of admission), hour (hash: used, unknown, limit, reset,
assumed), pending (sorted set like minute: requests in flight), blocked (moment). Moments and durations are
in milliseconds; the clock is the server's. `used` is GitHub's count, `unknown` what we sent since without
learning GitHub's count, `assumed` is 1 while we only guess when the window ends.
"""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local minute, hour, pending, blocked = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
"""

_WINDOW = """
local function window()
  local found = redis.call('HMGET', hour, 'used', 'unknown', 'limit', 'reset', 'assumed')
  local reset = tonumber(found[4])
  if not reset or reset <= now then
    redis.call('DEL', hour)
    return {used = 0, unknown = 0}
  end
  return {used = tonumber(found[1]) or 0, unknown = tonumber(found[2]) or 0, limit = tonumber(found[3]),
          reset = reset, assumed = found[5] == '1'}
end
local function store(used, unknown, limit, reset, assumed)
  redis.call('HSET', hour, 'used', used, 'unknown', unknown, 'limit', limit, 'reset', reset,
             'assumed', assumed)
  redis.call('PEXPIREAT', hour, reset)
end
"""

ADMIT = (
    _NOW
    + _WINDOW
    + """
local id, points = ARGV[1], tonumber(ARGV[2])
local per_minute, default_limit, reserve = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local minute_ms, hour_ms, pending_ms = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local function points_of(member) return tonumber(string.match(member, ':(%d+)$')) end
local function sum(members)
  local total = 0
  for i = 1, #members, 2 do total = total + points_of(members[i]) end
  return total
end

redis.call('ZREMRANGEBYSCORE', minute, '-inf', now - minute_ms)
local recent = redis.call('ZRANGE', minute, 0, -1, 'WITHSCORES')
local excess, minute_wait = sum(recent) + points - per_minute, 0
for i = 1, #recent, 2 do
  if excess <= 0 then break end
  excess = excess - points_of(recent[i])
  minute_wait = tonumber(recent[i + 1]) + minute_ms - now
end
if excess > 0 then minute_wait = minute_ms end

redis.call('ZREMRANGEBYSCORE', pending, '-inf', now - pending_ms)
local in_flight = sum(redis.call('ZRANGE', pending, 0, -1, 'WITHSCORES'))
local current, hour_wait = window(), 0
local limit, reset = current.limit or default_limit, current.reset or now + hour_ms
local allowed = limit - math.ceil(limit * reserve - 1e-9)
local spent = current.used + current.unknown + points
if spent > allowed then
  hour_wait = reset + 1000 - now
elseif spent + in_flight > allowed then
  -- Only requests in flight are in the way: they are answered long before the hour is over.
  hour_wait = math.min(reset + 1000 - now, minute_ms)
end
local barred = tonumber(redis.call('GET', blocked) or '0')
if barred > now then hour_wait = math.max(hour_wait, barred - now) end
if minute_wait > 0 or hour_wait > 0 then return {minute_wait, hour_wait} end

redis.call('ZADD', minute, now, id .. ':' .. points)
redis.call('PEXPIRE', minute, minute_ms)
redis.call('ZADD', pending, now, id .. ':' .. points)
redis.call('PEXPIRE', pending, pending_ms)
return {0, 0}
"""
)

SETTLE = (
    _NOW
    + _WINDOW
    + """
local id, points = ARGV[1], tonumber(ARGV[2])
local reset, used, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local default_limit, hour_ms = tonumber(ARGV[6]), tonumber(ARGV[7])
-- GitHub's machines differ by a second in when a window ends.
local same = 2000

redis.call('ZREM', pending, id .. ':' .. points)
local current = window()
if reset == 0 then
  store(current.used, current.unknown + points, current.limit or default_limit,
        current.reset or now + hour_ms, (not current.reset or current.assumed) and 1 or 0)
elseif reset <= now then
  return
elseif not current.reset or current.assumed or reset > current.reset + same then
  store(used, 0, limit, reset, 0)
elseif reset >= current.reset - same and used >= current.used then
  store(used, 0, limit, current.reset, 0)
end
"""
)

CANCEL = (
    _NOW
    + """
local member = ARGV[1] .. ':' .. ARGV[2]
redis.call('ZREM', minute, member)
redis.call('ZREM', pending, member)
"""
)

BLOCK = (
    _NOW
    + """
local moment = tonumber(ARGV[1])
if moment > now and moment > tonumber(redis.call('GET', blocked) or '0') then
  redis.call('SET', blocked, moment, 'PXAT', moment)
end
"""
)
