"""Finds out that the store was emptied, or is another one than before.

Every store gets a mark of its own at the first look. One without it, or with another, has lost all
that it had: `FLUSHALL`, a new volume, a wrong address. A note beside the spools remembers
the mark, so that it is noticed also when it happened while nobody served.
"""

import contextlib
import secrets
from pathlib import Path
from typing import Final

from gateway.store import names
from gateway.store.base import Store

_NOTE: Final = "store.mark"


class StoreMark:
    """Looks at the store's mark now and then. One per worker."""

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._note = root / _NOTE
        self._known: str | None = None
        with contextlib.suppress(OSError, UnicodeDecodeError):
            self._known = self._note.read_text()

    async def has_changed(self) -> bool:
        """Whether the store has lost everything since the last look; said once. Raises StoreAway."""
        key = names.store_mark()
        replies = await self._store.run_many(
            [("SET", key, secrets.token_hex(16), "NX"), ("GET", key)]
        )
        found = replies[1].decode(errors="replace")
        known, self._known = self._known, found
        if found == known:
            return False
        with contextlib.suppress(OSError):
            self._note.write_text(found)
        return known is not None
