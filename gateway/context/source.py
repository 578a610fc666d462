"""Reads and writes a user's sealed records, and opens them just in time for one request."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from gateway.context.profile import Profile, is_timezone, public_profile
from gateway.context.render import Block, Records, render
from gateway.store import names
from gateway.store.base import Script, Store
from gateway.types.account import Scope
from gateway.types.json import JsonObject
from gateway.vault.vault import DataKeys, Vault

_KIND = "profile"
RECORD_TYPE = "context"

# KEYS: the kind's records, the user. ARGV: record id, sealed record ("" deletes it).
# A user that does not exist (any more) gets no record: nothing may outlive its owner.
WRITE = Script(
    "context_write",
    """
    if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
    if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
    else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
    redis.call('HINCRBY', KEYS[2], 'epoch', 1)
    return 1
    """,
)


class ContextSource:
    """A user's context records in the store."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def write_profile(self, keys: DataKeys, profile: Profile | None) -> None:
        """Seal and store the profile, or delete it. Raises StoreAway."""
        sealed: bytes | str = ""
        if profile is not None:
            plain = msgspec.json.encode(profile)
            sealed = self._vault.seal(keys, RECORD_TYPE, f"{_KIND}/{_KIND}", plain)
        record_keys = (names.context(keys.user_id, _KIND), names.user(keys.user_id))
        await self._store.script(WRITE, record_keys, (_KIND, sealed))

    async def read_profile(self, keys: DataKeys) -> Profile | None:
        """Open the profile. Raises StoreAway, RecordIntegrity."""
        sealed = await self._store.run("HGET", names.context(keys.user_id, _KIND), _KIND)
        if sealed is None:
            return None
        plain = self._vault.open(keys, RECORD_TYPE, f"{_KIND}/{_KIND}", sealed)
        return msgspec.json.decode(plain, type=Profile)

    async def load(self, keys: DataKeys, *, now: float, timezone: str) -> Records:
        """Open everything the deepest scope may need. `timezone` is the user's preference."""
        profile = await self.read_profile(keys)
        zone = profile.timezone if profile and profile.timezone else timezone
        zone = zone if is_timezone(zone) else "UTC"
        today = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone)).date()
        return Records(profile, today, zone)

    def render(
        self, keys: DataKeys, records: Records, scope: Scope, include: Mapping[str, bool]
    ) -> Block:
        """Render the block that a provider with this scope may see."""
        return render(
            records,
            scope,
            include,
            lambda body: self._vault.mac(keys, RECORD_TYPE, body).hex()[:16],
        )

    async def show_profile(self, keys: DataKeys) -> JsonObject | None:
        """Return the profile as its owner wrote it."""
        profile = await self.read_profile(keys)
        return None if profile is None else public_profile(profile)
