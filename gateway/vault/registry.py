"""Which secrets the store needs: their public check values, under `names.keyring_check()`.

A KEK passes through three states there, by its id:

    added     it was seen in a ring and wraps nothing yet: a process without it may still start
    kek       it has been a primary: data keys may be wrapped under it, no process may be without it
    retired   it was taken out after the last data key had left it: it never wraps again

A process writes `kek` before it wraps the first data key under an id, so the states are never
behind the truth.
"""

from collections.abc import Mapping
from typing import Final, NoReturn

from msgspec import Struct

from gateway.errors import ConfigError
from gateway.store import names
from gateway.store.base import Script, Store
from gateway.vault.key_files import KeySources

PEPPER_FIELD: Final = "pepper"
RECEIPT_FIELD: Final = "receipt"
KEK_FIELD: Final = "kek:"
_ADDED: Final = "added:"
_RETIRED: Final = "retired:"

REGISTER_KEYS: Final = Script(
    "register_keys",
    """
local mine = {}
for i = 2, #ARGV, 2 do mine[ARGV[i]] = ARGV[i + 1] end
local stored, known = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #stored, 2 do
  local field, value = stored[i], stored[i + 1]
  local state, id = string.match(field, '^(%a+):(%d+)$')
  if state == 'added' or state == 'retired' then
    local held = mine['kek:' .. id]
    if held and held ~= value then return {'changed', 'kek:' .. id} end
    if state == 'retired' then
      if id == ARGV[1] then return {'retired', 'kek:' .. id} end
      known['kek:' .. id] = true
    end
  else
    if mine[field] == nil then return {'missing', field} end
    if mine[field] ~= value then return {'changed', field} end
    known[field] = true
  end
end
for i = 2, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  local id = string.match(field, '^kek:(%d+)$')
  if known[field] then
  elseif id and id ~= ARGV[1] then
    redis.call('HSET', KEYS[1], 'added:' .. id, value)
  else
    redis.call('HSET', KEYS[1], field, value)
    if id then redis.call('HDEL', KEYS[1], 'added:' .. id) end
  end
end
return {'ok', ''}
""",
)
"""KEYS: keyring. ARGV: id of the primary, then field and check value of every secret at hand.
Returns a verdict and the field it is about: ok | missing | changed | retired. All stored values must
agree before one is added, in one step: two replicas that start together cannot both be first."""

RETIRE_KEY: Final = Script(
    "retire_key",
    """
local value = redis.call('HGET', KEYS[1], 'kek:' .. ARGV[1])
if value then
  redis.call('HDEL', KEYS[1], 'kek:' .. ARGV[1])
  redis.call('HSET', KEYS[1], 'retired:' .. ARGV[1], value)
end
redis.call('HDEL', KEYS[1], 'added:' .. ARGV[1])
return value and 1 or 0
""",
)
"""KEYS: keyring. ARGV: id. Doing it again changes nothing."""


class Registry(Struct, frozen=True):
    """Check values of KEKs by id: those the store needs, those only seen, those it needed once."""

    needed: Mapping[int, str]
    added: Mapping[int, str]
    retired: Mapping[int, str]

    @property
    def highest_id(self) -> int:
        """The highest id there has ever been, 0 for none: a new key gets a higher one."""
        return max((*self.needed, *self.added, *self.retired), default=0)


async def read_registry(store: Store) -> Registry:
    """Return what the store says of KEKs. Raises StoreAway."""
    flat = await store.run("HGETALL", names.keyring_check())
    values = {
        name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)
    }

    def with_state(prefix: str) -> dict[int, str]:
        return {
            int(name.removeprefix(prefix)): value
            for name, value in values.items()
            if name.startswith(prefix)
        }

    return Registry(with_state(KEK_FIELD), with_state(_ADDED), with_state(_RETIRED))


async def register_keys(
    store: Store, primary: int, check_values: Mapping[str, str], sources: KeySources
) -> None:
    """Compare the secrets with the store's check values, and add those of new KEK ids.

    `check_values` are by field, `primary` is the id that wraps from now on. Raises ConfigError if a
    secret that the store needs is missing or other than it was; StoreAway.
    """
    pairs = [part for pair in check_values.items() for part in pair]
    verdict, field = await store.script(REGISTER_KEYS, [names.keyring_check()], [primary, *pairs])
    if verdict != b"ok":
        _refuse(verdict.decode(), field.decode(), sources)


async def retire_key(store: Store, kek_id: int) -> None:
    """Note that no data key is wrapped under this id any more, nor ever will be. Raises StoreAway."""
    await store.script(RETIRE_KEY, [names.keyring_check()], [kek_id])


def _refuse(verdict: str, field: str, sources: KeySources) -> NoReturn:
    if field == PEPPER_FIELD:
        setting, what = sources.pepper.setting, "the token pepper"
    elif field == RECEIPT_FIELD:
        setting, what = sources.receipt.setting, "the key that signs receipts"
    else:
        setting, what = sources.kek.setting, f"key id {field.removeprefix(KEK_FIELD)}"
    if verdict == "missing":
        raise ConfigError(f"{what} is not given, but this store needs it; restore it", setting)
    if verdict == "retired":
        raise ConfigError(
            f"{what} was retired and cannot be the primary again; restore the ring in use", setting
        )
    raise ConfigError(f"{what} is not the one this store was sealed with; restore it", setting)
