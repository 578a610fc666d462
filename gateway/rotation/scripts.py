"""What a rotation does in one user's slot, each in one step.

All of it compares before it sets, so that it may be cut short anywhere, done twice, or done by two
at once.
"""

from typing import Final

from gateway.store.base import Script
from gateway.store.user_slot import CURRENT_DEK, RAISE_EPOCH

REPLACE_DEKS: Final = Script(
    "replace_deks",
    RAISE_EPOCH
    + """
local changed = 0
for i = 1, #ARGV, 3 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
    changed = changed + 1
  end
end
if changed > 0 and redis.call('HEXISTS', KEYS[1], 'record') == 1 then raise_epoch(KEYS[1]) end
return changed
""",
)
"""KEYS: user, deks. ARGV: three for each data key: its number, as it was read, as it shall be.
Returns how many were as they were read, and are replaced."""

ADD_DEK: Final = Script(
    "add_dek",
    RAISE_EPOCH
    + CURRENT_DEK
    + """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 'missing' end
local current = current_dek(KEYS[2])
if current == 0 then return 'missing' end
if current ~= tonumber(ARGV[1]) then return 'changed' end
redis.call('HSET', KEYS[2], current + 1, ARGV[2])
redis.call('DEL', KEYS[3])
raise_epoch(KEYS[1])
return 'ok'
""",
)
"""KEYS: user, deks, seals. ARGV: number of the current data key, the next one, wrapped. The count
of what the current one has sealed begins anew. Returns ok | changed | missing."""

RESEAL_KEY: Final = Script(
    "reseal_key",
    RAISE_EPOCH
    + CURRENT_DEK
    + """
if current_dek(KEYS[3]) ~= tonumber(ARGV[1]) then return 'rekeyed' end
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return 'changed' end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
raise_epoch(KEYS[1])
return 'ok'
""",
)
"""KEYS: user, provider keys, deks. ARGV: number of the data key it is sealed under now, name, as it
was read, as it shall be. Returns ok | changed | rekeyed."""

FIND_OLD_RECORDS: Final = Script(
    "find_old_records",
    """
local number = ARGV[3]
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local old, at = {}, tonumber(ARGV[4])
for i = 1, #page[2], 2 do
  if string.sub(page[2][i + 1], at, at + 3) ~= number then
    old[#old + 1] = page[2][i]
    old[#old + 1] = page[2][i + 1]
  end
end
return {page[1], old}
""",
)
"""KEYS: records. ARGV: cursor of HSCAN, how many to look at, the current data key's number as 4
bytes, where in a value (from 1) the number of its data key begins. Reads only. Returns the next
cursor, and flat the fields and values sealed under another data key."""

RESEAL_RECORDS: Final = Script(
    "reseal_records",
    CURRENT_DEK
    + """
if current_dek(KEYS[2]) ~= tonumber(ARGV[1]) then return -1 end
local changed = 0
for i = 2, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    changed = changed + 1
  end
end
if changed > 0 then redis.call('INCRBY', KEYS[3], changed) end
return changed
""",
)
"""KEYS: records, deks, seals. ARGV: number of the data key they are sealed under now, then three for
each record: field, as it was read, as it shall be. Returns how many were as they were read, and are
replaced; -1 if another data key is the current one."""

DROP_OLD_DEKS: Final = Script(
    "drop_old_deks",
    RAISE_EPOCH
    + CURRENT_DEK
    + """
if current_dek(KEYS[2]) ~= tonumber(ARGV[1]) then return -1 end
local dropped = 0
for _, number in ipairs(redis.call('HKEYS', KEYS[2])) do
  if tonumber(number) and tonumber(number) < tonumber(ARGV[1]) then
    dropped = dropped + redis.call('HDEL', KEYS[2], number)
  end
end
if dropped > 0 then raise_epoch(KEYS[1]) end
return dropped
""",
)
"""KEYS: user, deks. ARGV: number of the data key that stays. Returns how many were dropped, -1 if
another one is the current one."""
