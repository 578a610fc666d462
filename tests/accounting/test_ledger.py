"""The ledger: one row once, totals with it, and nothing lost while the store is away."""

from datetime import date
from typing import Any

from msgspec.structs import replace

from gateway.accounting.measures import day_of
from gateway.accounting.rows import LedgerRow, Status
from gateway.accounting.span import days_between
from gateway.accounting.usage import read_request, read_totals
from gateway.store.client import RedisStore
from gateway.types.models import PriceState
from gateway.types.usage import Certainty, Usage
from tests.accounting.booking import book

ROW = LedgerRow(
    request_id="req_1",
    attempt=1,
    user_id="u_test",
    token_id="t_test",
    time=1_795_000_000.0,
    provider="openai",
    model="gpt-4o-mini",
    status=Status.OK,
    certainty=Certainty.MEASURED,
    usage=Usage(input=100, cache_read=50, output=20),
    cost_nano=1_500,
)
DAY = day_of(ROW.time)


async def totals(store: RedisStore, *group_by: str) -> list[dict[str, Any]]:
    return await read_totals(store, "u_test", [DAY], group_by or ("day",))


async def test_each_attempt_has_its_row_and_only_the_answer_is_a_request(
    store: RedisStore,
) -> None:
    failed = replace(
        ROW, status=Status.FAILED, certainty=Certainty.ABORTED, usage=Usage(), cost_nano=0,
        failure="server",
    )  # fmt: skip
    await book(store, failed)
    unpriced = replace(ROW, cost_nano=None, price_state=PriceState.UNKNOWN)
    await book(store, replace(unpriced, attempt=2, certainty=Certainty.ESTIMATED))
    [total] = await totals(store)
    assert (total["attempts"], total["requests"]) == (2, 1)
    assert (total["estimated_requests"], total["unpriced_requests"]) == (1, 1)
    rows = await read_request(store, "u_test", "req_1")
    assert [(row["attempt"], row["cost_usd"]) for row in rows] == [(1, "0"), (2, None)]


async def test_totals_group_by_what_is_asked_and_survive_odd_names(store: RedisStore) -> None:
    odd = "a|b,c\x1fd\u00e9"
    await book(store, ROW)
    await book(store, replace(ROW, request_id="req_2", model=odd, feature="report"))
    by_model = await totals(store, "model")
    assert [group["model"] for group in by_model] == ["a|b,c d\u00e9", "gpt-4o-mini"]
    assert [group["requests"] for group in await totals(store, "feature", "provider")] == [1, 1]


async def test_another_users_request_shows_nothing(store: RedisStore) -> None:
    await book(store, ROW)
    assert await read_request(store, "u_other", "req_1") == []


def test_days_are_listed_with_both_ends() -> None:
    days = days_between(date(2026, 2, 27), date(2026, 3, 1))
    assert days == ("2026-02-27", "2026-02-28", "2026-03-01")
