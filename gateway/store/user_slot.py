"""Lua that scripts on a user's slot share: the epoch, and the number of the current data key."""

from typing import Final

RAISE_EPOCH: Final = """
local function raise_epoch(user)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local was = tonumber(redis.call('HGET', user, 'epoch') or '0')
  redis.call('HSET', user, 'epoch', string.format('%.0f', math.max(was + 1, now)))
end
"""
"""Defines `raise_epoch(user key)`. The epoch is the store's clock in microseconds, or one more than
it was, whichever is higher: a store that lost its last second can then never come back to an epoch
that a worker has seen with other content."""

CURRENT_DEK: Final = """
local function current_dek(deks)
  local highest = 0
  for _, number in ipairs(redis.call('HKEYS', deks)) do
    highest = math.max(highest, tonumber(number) or 0)
  end
  return highest
end
"""
"""Defines `current_dek(deks key)`: the number that new records must be sealed under, 0 if the user
has no data key (any more). A writer that sealed under another number lost a race with a rotation:
it must read the data keys again and seal once more, or its record would lose its key."""
