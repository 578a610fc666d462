"""The log of what admins did: who, what, to whom, when, from where. Entries are only ever added."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.identity.account import read_fields
from gateway.store import names
from gateway.store.base import Store
from gateway.types.clock import Clock

Detail = str | int | bool | None
"""What an entry may say further. Never a secret: callers pass ids and names of members."""

DEFAULT_PAGE: Final = 50
_LARGEST_PAGE: Final = 500
_KEPT: Final = 1_000_000
_LONGEST: Final = 300
_SLACK_S: Final = 3600  # the store's clock makes the places of entries
_CURSOR: Final = re.compile(r"\d{1,20}-\d{1,20}")


class AuditEntry(Struct, frozen=True):
    """One admin action. `at` is Unix seconds, `actor` a token's id or `cli`, `id` its place."""

    id: str
    at: int
    actor: str
    action: str
    target: str
    address: str
    detail: Mapping[str, Detail]


class AuditPage(Struct, frozen=True):
    """Some entries, newest first; `next_cursor` is None at the end."""

    entries: list[AuditEntry]
    next_cursor: str | None


class AuditLog:
    """Adds to and reads the log."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def record(
        self,
        actor: str,
        action: str,
        target: str,
        *,
        address: str = "",
        detail: Mapping[str, Detail] | None = None,
    ) -> None:
        """Add an entry, such as `("t_…", "token.mint", "u_…")`. Raises StoreAway."""
        fields = {
            "at": str(int(self._clock.now())),
            "actor": actor,
            "action": action,
            "target": target,
            "address": address,
            "detail": msgspec.json.encode(detail or {}).decode(),
        }
        flat = [
            part[:_LONGEST] if n != "detail" else part for n, p in fields.items() for part in (n, p)
        ]
        await self._store.run("XADD", names.audit(), "MAXLEN", "~", _KEPT, "*", *flat)

    async def list_entries(self, cursor: str | None = None, limit: int = DEFAULT_PAGE) -> AuditPage:
        """Return entries, newest first. Raises InvalidRequest, StoreAway."""
        if not 1 <= limit <= _LARGEST_PAGE:
            raise InvalidRequest(f"Must be from 1 to {_LARGEST_PAGE}.", param="limit")
        if cursor is not None and _CURSOR.fullmatch(cursor) is None:
            raise InvalidRequest("Not a cursor of this list.", param="cursor")
        newest = "+" if cursor is None else f"({cursor}"
        found = await self._store.run("XREVRANGE", names.audit(), newest, "-", "COUNT", limit + 1)
        entries = [_read_entry(entry_id.decode(), fields) for entry_id, fields in found]
        more = len(entries) > limit
        return AuditPage(entries[:limit], entries[limit - 1].id if more else None)

    async def read_since(self, since: int) -> AsyncIterator[AuditEntry]:
        """Yield the entries made since a time (Unix seconds), newest first. Raises StoreAway."""
        newest, oldest = "+", f"{max(0, since - _SLACK_S) * 1000}-0"
        while True:
            found = await self._store.run(
                "XREVRANGE", names.audit(), newest, oldest, "COUNT", _LARGEST_PAGE
            )
            for entry_id, fields in found:
                yield _read_entry(entry_id.decode(), fields)
            if len(found) < _LARGEST_PAGE:
                return
            newest = f"({found[-1][0].decode()}"


def _read_entry(entry_id: str, flat: list[bytes | None]) -> AuditEntry:
    fields = {name.decode(): value.decode() for name, value in read_fields(flat).items()}
    return AuditEntry(
        id=entry_id,
        at=int(fields["at"]),
        actor=fields["actor"],
        action=fields["action"],
        target=fields["target"],
        address=fields["address"],
        detail=msgspec.json.decode(fields["detail"], type=dict[str, Detail]),
    )
