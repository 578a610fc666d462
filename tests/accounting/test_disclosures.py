"""Disclosures: which provider received which kinds, in every attempt that may have carried them."""

from datetime import date

import pytest
from msgspec.structs import replace

from gateway.accounting.disclosures import Wanted, read_disclosures
from gateway.accounting.rows import LedgerRow, Status
from gateway.errors import InvalidRequest
from gateway.store.client import RedisStore
from gateway.types.usage import Certainty, Usage
from tests.accounting.booking import book

SHOWN = LedgerRow(
    request_id="req_1",
    attempt=1,
    user_id="u_test",
    token_id="t_test",
    time=1_795_000_000.0,  # 18 November 2026
    provider="openai",
    model="gpt-4o-mini",
    status=Status.OK,
    certainty=Certainty.MEASURED,
    usage=Usage(input=100),
    scope="standard",
    kinds={"profile": 12, "entries": 300},
    context_tokens=312,
)
DAY_S = 86_400


async def ids(store: RedisStore, wanted: Wanted = Wanted()) -> list[str]:  # noqa: B008  # frozen
    page = await read_disclosures(store, "u_test", wanted)
    return [item["request_id"] for item in page.items]


async def test_a_disclosure_says_what_went_where_and_nothing_of_its_content(
    store: RedisStore,
) -> None:
    await book(store, SHOWN)

    [item] = (await read_disclosures(store, "u_test", Wanted())).items

    assert item == {
        "time": SHOWN.time,
        "provider": "openai",
        "model": "gpt-4o-mini",
        "scope": "standard",
        "kinds": {"profile": 12, "entries": 300},
        "tokens": 312,
        "request_id": "req_1",
        "attempt": 1,
        "status": "ok",
    }


async def test_attempts_that_failed_or_were_cancelled_count_and_those_that_never_left_do_not(
    store: RedisStore,
) -> None:
    await book(
        store,
        replace(SHOWN, request_id="failed", status=Status.FAILED, failure="server"),
        replace(SHOWN, request_id="failed", attempt=2, provider="anthropic"),
        replace(SHOWN, request_id="cancelled", status=Status.CANCELLED),
        replace(SHOWN, request_id="cut", status=Status.CUT, failure="cut"),
        replace(SHOWN, request_id="unreachable", status=Status.FAILED, sent=False),
        replace(SHOWN, request_id="none", scope="none", kinds={}, context_tokens=0),
        replace(SHOWN, request_id="empty", kinds={}, context_tokens=0),
        replace(SHOWN, request_id="other user", user_id="u_other"),
    )

    assert await ids(store) == ["cut", "cancelled", "failed", "failed"]
    assert await ids(store, Wanted(provider="anthropic")) == ["failed"]


async def test_days_are_utc_and_both_included(store: RedisStore) -> None:
    await book(
        store,
        *(replace(SHOWN, request_id=f"day {n}", time=SHOWN.time + n * DAY_S) for n in range(5)),
    )

    assert await ids(store, Wanted(date(2026, 11, 19), date(2026, 11, 20))) == ["day 2", "day 1"]
    assert await ids(store, Wanted(first=date(2026, 11, 21))) == ["day 4", "day 3"]
    assert await ids(store, Wanted(last=date(2026, 11, 18))) == ["day 0"]


async def test_pages_follow_each_other_without_a_gap(store: RedisStore) -> None:
    await book(
        store,
        *(
            replace(SHOWN, request_id=f"r{n}", kinds={"profile": n % 2} if n % 3 else {})
            for n in range(1_300)
        ),
    )
    expected = [f"r{n}" for n in range(1_299, -1, -1) if n % 3]

    seen: list[str] = []
    cursor = None
    pages = 0
    while pages == 0 or cursor:
        page = await read_disclosures(store, "u_test", Wanted(), limit=200, cursor=cursor)
        seen += [item["request_id"] for item in page.items]
        cursor = page.next_cursor
        pages += 1

    assert seen == expected
    assert pages == 5
    for nonsense in ("x", "1-2-3", "-", "1"):
        with pytest.raises(InvalidRequest):
            await read_disclosures(store, "u_test", Wanted(), cursor=nonsense)


async def test_what_somebody_put_into_the_log_by_hand_is_passed_over(store: RedisStore) -> None:
    await book(store, SHOWN)
    await store.run("XADD", "gw:{u:u_test}:usage:rows", "*", "row", "no row")

    assert await ids(store) == ["req_1"]
