"""Rows in pages: each once, whatever is booked meanwhile; and no longer than they are to be kept."""

import time
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.accounting.day_totals import BookingRules
from gateway.accounting.span import Span
from gateway.accounting.spool.apply import KEEP_ROWS, apply_rows
from gateway.accounting.spool.frames import Closed
from gateway.accounting.usage_rows import WantedRows, read_rows, stream_rows
from gateway.errors import InvalidRequest
from gateway.store import names
from gateway.store.client import RedisStore
from tests.accounting.booking import book
from tests.accounting.many_rows import DAY_S, NOON, ROW

ANY = WantedRows("u", 0)


async def book_numbers(store: RedisStore, *numbers: int, at: float = NOON) -> None:
    await book(store, *(replace(ROW, request_id=f"req_{n}", time=at) for n in numbers))


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [int(row["request_id"].removeprefix("req_")) for row in rows]


@pytest.mark.parametrize("limit", [1, 7, 30, 1000])
async def test_pages_show_every_row_once_while_more_are_booked(
    store: RedisStore, limit: int
) -> None:
    await book_numbers(store, *range(120))
    seen: list[int] = []
    cursor: str | None = None
    new = 1000
    while True:
        page = await read_rows(store, ANY, limit=limit, cursor=cursor)
        assert len(page.rows) <= limit
        seen += ids(page.rows)
        cursor = page.next_cursor
        if cursor is None:
            break
        await book_numbers(store, new)
        new += 1
    assert seen == list(reversed(range(120)))
    streamed = [row async for row in stream_rows(store, ANY)]
    assert ids(streamed) == [*reversed(range(1000, new)), *reversed(range(120))]


async def test_rows_of_the_days_asked_for_are_shown_also_those_booked_late(
    store: RedisStore,
) -> None:
    await book_numbers(store, 1, at=NOON - 2 * DAY_S)
    await book_numbers(store, 2, at=NOON - DAY_S)
    await book_numbers(store, 3, at=NOON)
    await book_numbers(store, 4, at=NOON - DAY_S)  # waited in a spool
    day = WantedRows("u", 0, Span(date(2026, 11, 22), date(2026, 11, 22)))
    first = await read_rows(store, day, limit=1)
    assert ids(first.rows) == [4]
    second = await read_rows(store, day, limit=1, cursor=first.next_cursor)
    assert (ids(second.rows), second.next_cursor) == ([2], None)


async def test_rows_of_others_are_never_shown(store: RedisStore) -> None:
    await book_numbers(store, 1)
    assert (await read_rows(store, WantedRows("u2", 0))).rows == []


@pytest.mark.parametrize(
    "cursor", ["", "-1", "0", "+", "(1-1", "1-1-1", "\u0661-1", "9" * 30 + "-1"]
)
async def test_what_is_no_cursor_is_refused(store: RedisStore, cursor: str) -> None:
    """I-07."""
    with pytest.raises(InvalidRequest) as refused:
        await read_rows(store, ANY, cursor=cursor)
    assert refused.value.param == "cursor"


async def test_rows_leave_the_log_when_they_are_too_old_or_too_many(store: RedisStore) -> None:
    """No scan: each booking drops what is over. What is left of a quiet user expires as a whole."""
    key = names.usage_rows("u")
    old_ms = int((time.time() - 3 * DAY_S) * 1000)
    for n in range(5):
        await store.run("XADD", key, f"{old_ms + n}-0", "row", "{}")
    rules = BookingRules(keep_rows_s=2 * DAY_S)
    await apply_rows(store, "w", [Closed(1, 0, ROW)], now=NOON, rules=rules)
    assert await store.run("XLEN", key) == 1
    for start in range(2, KEEP_ROWS + 502, 50):
        part = [Closed(n, 0, replace(ROW, request_id="req_1")) for n in range(start, start + 50)]
        await apply_rows(store, "w", part, now=NOON, rules=rules)
    assert KEEP_ROWS <= await store.run("XLEN", key) < KEEP_ROWS + 200


async def test_what_is_no_longer_to_be_kept_is_not_shown(store: RedisStore) -> None:
    await book_numbers(store, 1)
    [(place, _)] = await store.run("XRANGE", names.usage_rows("u"), "-", "+")
    booked = int(place.split(b"-")[0]) / 1000
    assert ids((await read_rows(store, WantedRows("u", booked - 1))).rows) == [1]
    assert (await read_rows(store, WantedRows("u", booked + 1))).rows == []
