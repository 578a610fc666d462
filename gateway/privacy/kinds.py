"""Every kind of context there ever was: an operator may drop a kind while its records remain."""

from collections.abc import Callable, Mapping

from gateway.store import names
from gateway.store.base import Store
from gateway.types.context import Dating, Kind


class KindList:
    """The stored kinds of this deployment. `configured` gives those of the config as it is now."""

    def __init__(self, store: Store, configured: Callable[[], Mapping[str, Kind]]) -> None:
        self._store = store
        self._configured = configured
        self._noted: frozenset[str] = frozenset()

    async def remember(self) -> None:
        """Note the configured kinds in the store, where they have changed. Raises StoreAway."""
        stored = frozenset(name for name, kind in self._configured().items() if kind.stored)
        if stored and stored != self._noted:
            await self._store.run(
                "ZADD", names.kinds(), *(part for name in sorted(stored) for part in (0, name))
            )
            self._noted = stored

    async def read(self) -> dict[str, Kind]:
        """Return the configured kinds that are stored, then all that were once. Raises StoreAway."""
        found = {name: kind for name, kind in self._configured().items() if kind.stored}
        for member in await self._store.run("ZRANGE", names.kinds(), 0, -1):
            name = member.decode()
            found.setdefault(name, Kind(name, name, Dating.DAY))
        return found
