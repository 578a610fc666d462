"""A user's rows, newest first: a page with a cursor, or all of them one after another.

The cursor is a place in the log of rows, so pages neither repeat nor leave out a row while others
are being booked; new ones stand before the first page.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time
from typing import Any, Final

from msgspec import Struct

from gateway.accounting.disclosures import rows_of
from gateway.accounting.measures import day_of
from gateway.accounting.rows import LedgerRow
from gateway.accounting.span import Span
from gateway.accounting.usage import shown_row
from gateway.errors import InvalidRequest
from gateway.store.base import Store

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1_000
_CURSOR: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
_CLOCKS_APART_S: Final = 3_600


class RowPage(Struct, frozen=True):
    """Some rows as the API shows them; `next_cursor` is None at the end."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


class WantedRows(Struct, frozen=True):
    """Whose rows are wanted, of which days, and none booked before `since` (Unix seconds)."""

    user_id: str
    since: float
    span: Span | None = None

    def takes(self, row: LedgerRow) -> bool:
        """Whether a row is of one of these days."""
        span = self.span
        return span is None or span.first.isoformat() <= day_of(row.time) <= span.last.isoformat()

    @property
    def oldest(self) -> str:
        """Where to stop in the log, which has a row when it was booked: after its request came."""
        since = self.since
        if self.span is not None:
            begin = datetime.combine(self.span.first, time(), UTC).timestamp()
            since = max(since, begin - _CLOCKS_APART_S)
        return str(max(int(since * 1000), 0))


async def read_rows(
    store: Store, wanted: WantedRows, *, limit: int = DEFAULT_PAGE, cursor: str | None = None
) -> RowPage:
    """Return a page of rows. Raises InvalidRequest for what is no cursor, StoreAway."""
    if cursor is not None and _CURSOR.fullmatch(cursor) is None:
        raise InvalidRequest("Not a cursor of this list.", param="cursor")
    found: list[tuple[str, LedgerRow]] = []
    async for place, row in _rows(store, wanted, cursor):
        found.append((place, row))
        if len(found) > limit:
            break
    shown = [shown_row(row) for _, row in found[:limit]]
    return RowPage(shown, found[limit - 1][0] if len(found) > limit else None)


async def stream_rows(store: Store, wanted: WantedRows) -> AsyncIterator[dict[str, Any]]:
    """Yield all rows as the API shows them. Raises StoreAway."""
    async for _, row in _rows(store, wanted, None):
        yield shown_row(row)


def _rows(
    store: Store, wanted: WantedRows, before: str | None
) -> AsyncIterator[tuple[str, LedgerRow]]:
    return rows_of(store, wanted.user_id, before, wanted.takes, oldest=wanted.oldest)
