"""The scripts of limits: admit a request, take that back, release what it held.

Each touches one slot. A hold is what a request has set aside, by its id: its lease in a sorted set, its parts (field of
what is held, amount) in a hash. Whoever admits next takes back what crashed requests left behind.
The window of a counter is in its name, so the caller must know the time of the store: where its idea
of it is wrong nothing is done, and it is told the time.
"""

from typing import Final

from gateway.store.base import Script

_RELEASE: Final = """
local function release(leases, parts, held, id)
  if redis.call('ZREM', leases, id) == 0 then return 0 end
  local text = redis.call('HGET', parts, id)
  redis.call('HDEL', parts, id)
  for field, amount in (text or ''):gmatch('(%S+) (%d+)') do
    local left = redis.call('HINCRBY', held, field, '-' .. amount)
    if left <= 0 then redis.call('HDEL', held, field) end
  end
  return 1
end
"""

ADMIT: Final = Script(
    "admit",
    _RELEASE
    + """
local user, leases, parts, held_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, count = ARGV[1], tonumber(ARGV[6])
local epoch = redis.call('HGET', user, 'epoch')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[2] ~= '' and epoch ~= ARGV[2] then return {epoch, now, -1} end
if now < tonumber(ARGV[4]) * 1000 or now >= tonumber(ARGV[5]) * 1000 then
  return {epoch, now, -2}
end
if count == 0 then return {epoch, now, 0} end

for _, old in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 1000)) do
  release(leases, parts, held_key, old)
end
release(leases, parts, held_key, id)

local used_keys, fields = {}, {}
for n = 1, count do
  used_keys[n], fields[n] = KEYS[4 + n], ARGV[2 + 5 * n]
end
local used_texts = redis.call('MGET', unpack(used_keys))
local held_texts = redis.call('HMGET', held_key, unpack(fields))
local used, held, refused = {}, {}, 0
for n = 1, count do
  local at = 2 + 5 * n
  used[n], held[n] = tonumber(used_texts[n] or '0'), tonumber(held_texts[n] or '0')
  local limit, amount = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if refused == 0 and used[n] + held[n] + amount > limit then refused = n end
end
if refused > 0 then return {epoch, now, refused, used, held} end

local kept = {}
for n = 1, count do
  local at = 2 + 5 * n
  local amount, mode = ARGV[at + 2], ARGV[at + 3]
  if mode == 'count' then
    redis.call('INCRBY', used_keys[n], amount)
    redis.call('EXPIREAT', used_keys[n], ARGV[at + 4])
    used[n] = used[n] + tonumber(amount)
  elseif amount ~= '0' then
    redis.call('HINCRBY', held_key, fields[n], amount)
    held[n] = held[n] + tonumber(amount)
    kept[#kept + 1] = fields[n] .. ' ' .. amount
  end
end
local lease = tonumber(ARGV[3])
redis.call('ZADD', leases, now + lease, id)
redis.call('HSET', parts, id, table.concat(kept, ' '))
-- The three end together, so that nothing stays held whose lease nobody knows any more.
local is_short = false
for n = 2, 4 do is_short = is_short or redis.call('PTTL', KEYS[n]) < lease + 3600000 end
if is_short then
  for n = 2, 4 do redis.call('PEXPIREAT', KEYS[n], now + lease + 86400000) end
end
return {epoch, now, 0, used, held}
""",
)
"""KEYS: the user, leases, parts of holds, what is held, then per counter what is used of it.
ARGV: hold id, the epoch that the user must have ('' for any, and in everyone's slot), lease (ms),
from when and until when the windows hold (s), number of counters, then per counter its field of
what is held, limit, amount, mode (`count`: used at once; `hold`: set aside), until when its key is
kept (s).
Returns the user's epoch (nil: no such user), the store's time (ms), and 0 (let in), -1 (nothing
done: another epoch), -2 (nothing done: another time) or which counter refused; then, where there
are counters, the used and the held amounts as they are now."""

RELEASE: Final = Script("release", _RELEASE + "return release(KEYS[1], KEYS[2], KEYS[3], ARGV[1])")
"""KEYS: leases, parts of holds, what is held. ARGV: hold id. Returns 1 if it was still held."""

UNDO: Final = Script(
    "undo",
    _RELEASE
    + """
if release(KEYS[1], KEYS[2], KEYS[3], ARGV[1]) == 0 then return 0 end
for n = 4, #KEYS do
  if redis.call('EXISTS', KEYS[n]) == 1 then redis.call('DECRBY', KEYS[n], ARGV[n - 2]) end
end
return 1
""",
)
"""KEYS: as of RELEASE, then per counter that was counted at once what is used of it. ARGV: hold id,
then per such counter its amount. As if the request had never been let in."""
