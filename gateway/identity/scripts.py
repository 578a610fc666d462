"""The changes of one user, each one script in the user's slot.

Whatever changes tokens, keys, the record or data keys raises the epoch in the same step, so a
change holds from the next request in every worker.
"""

from typing import Final

from gateway.store.base import Script
from gateway.store.user_slot import CURRENT_DEK, RAISE_EPOCH

ADMISSION: Final = Script(
    "admission",
    "return redis.call('HGET', KEYS[1], 'epoch')",
)
"""KEYS: user. Returns the epoch, nil if there is no such user. Runs on every request; the limits
of a later part join it here."""

CREATE_USER: Final = Script(
    "create_user",
    RAISE_EPOCH
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
    RAISE_EPOCH
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

-- Nothing that stands where it should not may keep a user from being erased: hence pcall.
local function read(text)
  local ok, value = pcall(cjson.decode, text)
  return ok and type(value) == 'table' and value or {}
end
local function count(key)
  local length = redis.pcall('HLEN', key)
  return type(length) == 'number' and length or 0
end

local digests = {}
local tokens = redis.pcall('HVALS', KEYS[3])
for _, token in ipairs(tokens.err and {} or tokens) do
  local digest = read(token).digest
  if type(digest) == 'string' then digests[#digests + 1] = digest end
end
local user = read(record)
local gone = {
  at = tonumber(ARGV[1]), receipt = ARGV[2],
  created = type(user.created) == 'number' and user.created or nil,
  external_id = type(user.external_id) == 'string' and user.external_id or nil,
  digests = table.concat(digests, ','),
  destroyed = {
    data_keys = count(KEYS[4]), tokens = count(KEYS[3]), provider_keys = count(KEYS[5]),
    records = {},
  },
}
for i = 3, #ARGV do
  local records = count(KEYS[2 + 2 * i])
  if records > 0 then gone.destroyed.records[ARGV[i]] = records end
end
gone = cjson.encode(gone)
redis.call('UNLINK', KEYS[1], unpack(KEYS, 3))
redis.call('SET', KEYS[2], gone)
return gone
""",
)
"""KEYS: user, gone, tokens, deks, keys, key marks, seals, then records and days of each kind. ARGV:
now, receipt, kinds. Returns the mark that now stands in the user's place (`identity/removal.py`),
nil if there is no such user. Without an epoch no cached copy is used again."""

PUT_TOKEN: Final = Script(
    "put_token",
    RAISE_EPOCH
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
    RAISE_EPOCH
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
    RAISE_EPOCH
    + CURRENT_DEK
    + """
if redis.call('HEXISTS', KEYS[1], 'record') == 0 then return 'missing' end
if ARGV[6] ~= '' and current_dek(KEYS[4]) ~= tonumber(ARGV[6]) then return 'rekeyed' end
local was = redis.call('HGET', KEYS[2], ARGV[2])
if (was or '') ~= ARGV[3] then return 'changed' end
if not was and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[1]) then return 'full' end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
if ARGV[5] == '1' then redis.call('HDEL', KEYS[3], ARGV[2]) end
raise_epoch(KEYS[1])
return 'ok'
""",
)
"""KEYS: user, keys, key marks, deks. ARGV: most keys, name, key as it was read ('' for none), new
key, 1 to forget its marks, number of the data key its secret was sealed under now ('' where the
secret stayed as it was). Returns ok | changed | rekeyed | full | missing."""

REMOVE_KEY: Final = Script(
    "remove_key",
    RAISE_EPOCH
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
