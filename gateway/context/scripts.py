"""What is done to a user's context records in the store, each in one step in the user's slot.

A kind has two keys: the hash of its records, and the sorted set of the same fields by day. They
change together or not at all. Nothing here raises the user's epoch: no worker keeps records.
"""

from typing import Final

from gateway.store.base import Script
from gateway.store.user_slot import CURRENT_DEK

WRITE_RECORDS: Final = Script(
    "context_write",
    CURRENT_DEK
    + """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return {'missing', 0, ''} end
if current_dek(KEYS[2]) ~= tonumber(ARGV[1]) then return {'rekeyed', 0, ''} end
local identity = tonumber(ARGV[3])
local created, added = {}, 0
for i = 4, #ARGV, 4 do
  local was = redis.call('HGET', KEYS[4], ARGV[i])
  if ARGV[i + 2] ~= '*' and string.sub(was or '', 1, identity) ~= ARGV[i + 2] then
    return {'changed', 0, ''}
  end
  created[#created + 1] = was and '0' or '1'
  if not was then added = added + 1 end
end
local held = redis.call('HLEN', KEYS[4])
if added > 0 and held + added > tonumber(ARGV[2]) then return {'full', held, ''} end
for i = 4, #ARGV, 4 do
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 3])
  redis.call('ZADD', KEYS[5], ARGV[i + 1], ARGV[i])
end
local seals = redis.call('INCRBY', KEYS[3], #created)
return {'ok', seals, table.concat(created)}
""",
)
"""KEYS: user, deks, seals, records, days. ARGV: number of the DEK they are sealed under, most
records of the kind, bytes that tell sealings apart, then four for each record, no field twice:
field, day, what it replaces ('*' whatever is there, '' nothing, else the first bytes of the value
that was read), value.

Returns a verdict, a number and a text: ok, how many records the current DEK has sealed, a digit for
each record (1 created, 0 replaced) | full, how many there are | changed | rekeyed | missing.
The days are written again also where they are the same: a record written anew is whole anew."""

COUNT_NEW: Final = Script(
    "context_count_new",
    """
local new = 0
for i = 1, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then new = new + 1 end
end
return {redis.call('HLEN', KEYS[1]), new}
""",
)
"""KEYS: records. ARGV: fields. Returns how many records there are, and how many fields are new."""

DELETE_RECORD: Final = Script(
    "context_delete",
    """
local gone = redis.call('HDEL', KEYS[1], ARGV[1])
return math.max(gone, redis.call('ZREM', KEYS[2], ARGV[1]))
""",
)
"""KEYS: records, days. ARGV: field. Returns 1 if there was one, whole or not."""

READ_RECORDS: Final = Script(
    "context_read",
    "return {redis.call('HGETALL', KEYS[1]), redis.call('HMGET', KEYS[2], unpack(ARGV))}",
)
"""KEYS: deks, records. ARGV: a few hundred fields. Returns the data keys (flat), and the values."""

FETCH_RECORDS: Final = Script(
    "context_fetch",
    """
local most, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local reply = {redis.call('HGETALL', KEYS[1])}
for k = 2, #KEYS, 2 do
  local first, last = ARGV[k + 1], ARGV[k + 2]
  local fields = redis.call('ZRANGE', KEYS[k + 1], last, first, 'BYSCORE', 'REV', 'LIMIT', 0, most)
  local values, count, bytes = {}, 0, 0
  while count < #fields and bytes < most_bytes do
    local upto = math.min(count + 64, #fields)
    local found = redis.call('HMGET', KEYS[k], unpack(fields, count + 1, upto))
    for i = 1, #found do
      values[count + i] = found[i]
      bytes = bytes + (found[i] and #found[i] or 0)
    end
    count = upto
  end
  for i = #fields, count + 1, -1 do fields[i] = nil end
  reply[#reply + 1] = {redis.call('ZCOUNT', KEYS[k + 1], first, last), fields, values}
end
return reply
""",
)
"""KEYS: deks, then records and days of each kind. ARGV: most records of a kind, the bytes after
which no more of it are read, then first and last day of each kind. Reads only.

Returns the user's data keys (flat), then for each kind how many records lie in its days, the fields
of those returned, newest first, and their values (nil for a field without a record)."""

PAGE_RECORDS: Final = Script(
    "context_page",
    """
local days, newest_first = KEYS[3], ARGV[1] == 'newest'
local first, last, most, most_bytes = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local function behind(day, field)  -- how many lie before the one that follows the cursor
  if redis.call('ZSCORE', days, field) == day then
    return redis.call(newest_first and 'ZREVRANK' or 'ZRANK', days, field) + 1
  end
  -- It is gone, or on another day, since the page before: what would follow it there?
  local rank, same
  if newest_first then
    rank = redis.call('ZCOUNT', days, '(' .. day, '+inf')
    same = redis.call('ZRANGE', days, day, day, 'BYSCORE', 'REV')
  else
    rank = redis.call('ZCOUNT', days, '-inf', '(' .. day)
    same = redis.call('ZRANGE', days, day, day, 'BYSCORE')
  end
  for i = 1, #same do
    if (same[i] < field) == newest_first then return rank + i - 1 end
  end
  return rank + #same
end
local from, to
if newest_first then
  from = redis.call('ZCOUNT', days, '(' .. last, '+inf')
  to = redis.call('ZCOUNT', days, first, '+inf')
else
  from = redis.call('ZCOUNT', days, '-inf', '(' .. first)
  to = redis.call('ZCOUNT', days, '-inf', last)
end
if ARGV[6] ~= '' then from = math.max(from, behind(ARGV[6], ARGV[7])) end
local found = {}
if from < to then
  local stop = math.min(from + most, to) - 1
  if newest_first then found = redis.call('ZRANGE', days, from, stop, 'REV')
  else found = redis.call('ZRANGE', days, from, stop) end
end
local values, bytes = {}, 0
for i = 1, #found do
  if bytes >= most_bytes then
    for j = #found, i, -1 do found[j] = nil end
    break
  end
  values[i] = redis.call('HGET', KEYS[2], found[i])
  bytes = bytes + (values[i] and #values[i] or 0)
end
return {redis.call('HGETALL', KEYS[1]), from + #found < to and 1 or 0, found, values}
""",
)
"""KEYS: deks, records, days. ARGV: 'newest' or 'oldest' (which comes first), first and last day,
most records, the bytes after which the page ends, day and field of the cursor ('' for none). Reads
only.

Returns the data keys (flat), 1 if more follow, the fields in order and their values."""
