"""Which provider received which kinds of a user's context, and when: a view of the ledger.

One item for each attempt that may have carried context, whatever became of it; attempts that are
known to have never left are no disclosures. It reaches back as far as the log of rows does, its
last 10,000 attempts. Never a value of a record: there is none in the ledger.
"""

import re
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.accounting.measures import day_of
from gateway.accounting.rows import LedgerRow
from gateway.errors import InvalidRequest
from gateway.store import names
from gateway.store.base import Store

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1000
_BATCH: Final = 500
_CURSOR: Final = re.compile(r"\d{1,20}-\d{1,20}")


class Disclosures(Struct, frozen=True):
    """Some disclosures as the API shows them, newest first; `next_cursor` is None at the end."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class Wanted(Struct, frozen=True):
    """Which disclosures are wanted: UTC days, both included, and one provider's; None is any."""

    first: date | None = None
    last: date | None = None
    provider: str | None = None

    def takes(self, row: LedgerRow) -> bool:
        """Whether a row is a disclosure, and one of those wanted."""
        if not row.sent or not row.kinds:
            return False
        if self.provider is not None and row.provider != self.provider:
            return False
        day = day_of(row.time)
        begins = self.first is None or self.first.isoformat() <= day
        return begins and (self.last is None or day <= self.last.isoformat())


async def read_disclosures(
    store: Store,
    user_id: str,
    wanted: Wanted,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
) -> Disclosures:
    """Return a page of a user's disclosures. Raises InvalidRequest for a cursor, StoreAway."""
    if cursor is not None and _CURSOR.fullmatch(cursor) is None:
        raise InvalidRequest("Not a cursor of this list.", param="cursor")
    found: list[tuple[str, LedgerRow]] = []
    async for place, row in rows_of(store, user_id, cursor, wanted.takes):
        found.append((place, row))
        if len(found) > limit:
            break
    items = [public_disclosure(row) for _, row in found[:limit]]
    return Disclosures(items, found[limit - 1][0] if len(found) > limit else None)


async def rows_of(
    store: Store,
    user_id: str,
    before: str | None = None,
    takes: Callable[[LedgerRow], bool] = lambda _: True,
    *,
    oldest: str = "-",
) -> AsyncIterator[tuple[str, LedgerRow]]:
    """Yield a user's logged rows with their places in the log, newest first. Raises StoreAway.

    `before` and `oldest` are places; rows stand there in the order in which they were booked.
    """
    newest = "+" if before is None else f"({before}"
    while True:
        entries = await store.run(
            "XREVRANGE", names.usage_rows(user_id), newest, oldest, "COUNT", _BATCH
        )
        for place, fields in entries:
            try:
                row = msgspec.json.decode(fields[1], type=LedgerRow)
            except msgspec.DecodeError:  # put there by hand: it says nothing of an attempt
                continue
            if takes(row):
                yield place.decode(), row
        if len(entries) < _BATCH:
            return
        newest = f"({entries[-1][0].decode()}"


def public_disclosure(row: LedgerRow) -> dict[str, Any]:
    """Return what an attempt disclosed, as its owner sees it: kinds and counts."""
    return {
        "time": row.time,
        "provider": row.provider,
        "model": row.model,
        "scope": row.scope,
        "kinds": dict(row.kinds),
        "tokens": row.context_tokens,
        "request_id": row.request_id,
        "attempt": row.attempt,
        "status": row.status.value,
    }
