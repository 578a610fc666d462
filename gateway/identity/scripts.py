"""The changes of one user, each one script in the user's slot.

Whatever changes tokens, keys, the record or data keys raises the epoch in the same step, so a
change holds from the next request in every worker. The epoch is the store's clock in microseconds,
or one more than it was, whichever is higher: a store that lost its last second can then never come
back to an epoch that a worker has seen with other content.
"""

from typing import Final

from gateway.store.base import Script

_RAISE_EPOCH: Final = """
local function raise_epoch(user)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local was = tonumber(redis.call('HGET', user, 'epoch') or '0')
  redis.call('HSET', user, 'epoch', string.format('%.0f', math.max(was + 1, now)))
end
"""

ADMISSION: Final = Script(
    "admission",
    "return redis.call('HGET', KEYS[1], 'epoch')",
)
"""KEYS: user. Returns the epoch, nil if there is no such user. Runs on every request; the limits
of a later part join it here."""

CREATE_USER: Final = Script(
    "create_user",
    _RAISE_EPOCH
    + """
if redis.call('EXISTS', KEYS[3]) == 1 then return 'gone' end
if redis.call('HEXISTS', KEYS[1], 'record') == 1 then return 'exists' end
redis.call('HSET', KEYS[1], 'record', ARGV[1])
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], '1', ARGV[2])
raise_epoch(KEYS[1])
return 'created'
""",
)
"""KEYS: user, deks, gone. ARGV: record, wrapped DEK 1. Returns created | exists | gone."""

REPLACE_RECORD: Final = Script(
    "replace_record",
    _RAISE_EPOCH
    + """
local record = redis.call('HGET', KEYS[1], 'record')
if not record then return 'missing' end
if record ~= ARGV[1] then return 'changed' end
redis.call('HSET', KEYS[1], 'record', ARGV[2])
raise_epoch(KEYS[1])
return 'ok'
""",
)
"""KEYS: user. ARGV: record as it was read, new record. Returns ok | changed | missing."""

REMOVE_USER: Final = Script(
    "remove_user",
    """
local record = redis.call('HGET', KEYS[1], 'record')
if not record then return false end
local tokens = redis.call('HVALS', KEYS[3])
redis.call('SET', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1], unpack(KEYS, 3))
return {record, tokens}
""",
)
"""KEYS: user, gone, tokens, then every other key to delete. ARGV: now. Returns the record and the
tokens that were, nil if there is no such user. Without an epoch no cached copy is used again."""

PUT_TOKEN: Final = Script(
    "put_token",
    _RAISE_EPOCH
    + """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 'missing' end
for i = 4, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[1]) then return 'full' end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
raise_epoch(KEYS[1])
return 'ok'
""",
)
"""KEYS: user, tokens. ARGV: most tokens, token id, token, ids of expired tokens to drop …
Returns ok | full | missing."""

REMOVE_TOKEN: Final = Script(
    "remove_token",
    _RAISE_EPOCH
    + """
local token = redis.call('HGET', KEYS[2], ARGV[1])
if not token then return false end
redis.call('HDEL', KEYS[2], ARGV[1])
raise_epoch(KEYS[1])
return token
""",
)
"""KEYS: user, tokens. ARGV: token id. Returns the token that was, nil if there is none."""

PUT_KEY: Final = Script(
    "put_key",
    _RAISE_EPOCH
    + """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 'missing' end
local was = redis.call('HGET', KEYS[2], ARGV[2])
if (was or '') ~= ARGV[3] then return 'changed' end
if not was and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[1]) then return 'full' end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
if ARGV[5] == '1' then redis.call('HDEL', KEYS[3], ARGV[2]) end
raise_epoch(KEYS[1])
return 'ok'
""",
)
"""KEYS: user, keys, key marks. ARGV: most keys, name, key as it was read ('' for none), new key,
1 to forget its marks. Returns ok | changed | full | missing."""

REMOVE_KEY: Final = Script(
    "remove_key",
    _RAISE_EPOCH
    + """
if redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
raise_epoch(KEYS[1])
return 1
""",
)
"""KEYS: user, keys, key marks. ARGV: name. Returns how many keys were removed."""

MARK_KEY: Final = Script(
    "mark_key",
    """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
""",
)
"""KEYS: keys, key marks. ARGV: name, mark. No change of the account, so the epoch stays."""

RELEASE_NAME: Final = Script(
    "release_name",
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""",
)
"""KEYS: external id. ARGV: user id. Deletes the name only while it still means that user."""
