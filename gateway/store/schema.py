"""The version of what is stored: a newer store is refused, an older one migrated."""

from collections.abc import Awaitable, Callable, Sequence

from gateway.errors import ConfigError
from gateway.store import names
from gateway.store.base import Script, Store

Migration = Callable[[Store], Awaitable[None]]
"""Lifts a store by one version. Must be safe to run twice and side by side: it may be cut short,
and several gateways may start at once."""

MIGRATIONS: tuple[Migration, ...] = ()
"""`MIGRATIONS[n]` lifts version n + 1 to n + 2; the newest version is one more than their number."""

# Never lowers the version: the slower of two migrating gateways must not undo the faster's note.
_RAISE = Script(
    "raise-schema",
    """
    local found = tonumber(redis.call('GET', KEYS[1]) or '0')
    if found < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
    return math.max(found, tonumber(ARGV[1]))
    """,
)


async def ensure_schema(store: Store, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Bring the store to our version and return it; an empty one is marked.

    Raises ConfigError for a version newer than ours or unreadable, StoreAway.
    """
    ours = len(migrations) + 1
    found = await store.run("GET", names.schema())
    if found is None:
        return await _note(store, ours)
    if not found.isdigit() or int(found) < 1:
        raise ConfigError(f"the store's schema version ({names.schema()}) is unreadable")
    version = int(found)
    if version > ours:
        raise ConfigError(
            f"the store was written by a newer gateway (schema {version}); this one reads up to "
            f"schema {ours}: upgrade the gateway, or restore an older backup"
        )
    for step in range(version, ours):
        await migrations[step - 1](store)
        await _note(store, step + 1)
    return ours


async def _note(store: Store, version: int) -> int:
    return int(await store.script(_RAISE, [names.schema()], [version]))
