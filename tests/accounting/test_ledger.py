"""The ledger: one row once, totals with it, and nothing lost while the store is away."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any

from msgspec.structs import replace

from gateway.accounting.ledger import Ledger
from gateway.accounting.measures import day_of
from gateway.accounting.rows import LedgerRow, Status
from gateway.accounting.span import days_between
from gateway.accounting.usage import read_request, read_totals
from gateway.errors import StoreAway
from gateway.store.base import Argument, Command, Script
from gateway.store.client import RedisStore
from gateway.types.models import PriceState
from gateway.types.usage import Certainty, Usage
from tests.waiting import async_wait_until

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


async def test_a_row_is_booked_once_however_often_it_is_handed_over(store: RedisStore) -> None:
    ledger = Ledger(store)
    await asyncio.gather(*(ledger.book(ROW) for _ in range(20)))
    [total] = await totals(store)
    assert total["requests"] == 1
    assert total["tokens"] == {"input": 100, "cache_read": 50, "output": 20}
    assert total["cost_usd"] == "0.0000015"
    [shown] = await read_request(store, "u_test", "req_1")
    assert shown["total_tokens"] == 170
    await ledger.settle(1)


async def test_each_attempt_has_its_row_and_only_the_answer_is_a_request(
    store: RedisStore,
) -> None:
    ledger = Ledger(store)
    failed = replace(
        ROW, status=Status.FAILED, certainty=Certainty.ABORTED, usage=Usage(), cost_nano=0,
        failure="server",
    )  # fmt: skip
    await ledger.book(failed)
    unpriced = replace(ROW, cost_nano=None, price_state=PriceState.UNKNOWN)
    await ledger.book(replace(unpriced, attempt=2, certainty=Certainty.ESTIMATED))
    [total] = await totals(store)
    assert (total["attempts"], total["requests"]) == (2, 1)
    assert (total["estimated_requests"], total["unpriced_requests"]) == (1, 1)
    rows = await read_request(store, "u_test", "req_1")
    assert [(row["attempt"], row["cost_usd"]) for row in rows] == [(1, "0"), (2, None)]
    await ledger.settle(1)


async def test_totals_group_by_what_is_asked_and_survive_odd_names(store: RedisStore) -> None:
    ledger = Ledger(store)
    odd = "a|b,c\x1fd\u00e9"
    await ledger.book(ROW)
    await ledger.book(replace(ROW, request_id="req_2", model=odd, feature="report"))
    by_model = await totals(store, "model")
    assert [group["model"] for group in by_model] == ["a|b,c d\u00e9", "gpt-4o-mini"]
    assert [group["requests"] for group in await totals(store, "feature", "provider")] == [1, 1]
    await ledger.settle(1)


async def test_another_users_request_shows_nothing(store: RedisStore) -> None:
    ledger = Ledger(store)
    await ledger.book(ROW)
    assert await read_request(store, "u_other", "req_1") == []
    await ledger.settle(1)


class _SometimesAway:
    """A store that can be told to be away."""

    def __init__(self, inner: RedisStore) -> None:
        self.away = True
        self.refused = 0
        self._inner = inner

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        if self.away:
            self.refused += 1
            raise StoreAway("away")
        return await self._inner.script(script, keys, args)

    async def run(self, *command: Argument) -> Any:
        return await self._inner.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        return await self._inner.run_many(commands)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_rows_wait_for_a_store_that_is_away_and_keep_their_order(store: RedisStore) -> None:
    away = _SometimesAway(store)
    ledger = Ledger(away)
    for number in range(5):
        await ledger.book(replace(ROW, request_id=f"req_{number}"))
    assert ledger.backlog == 5
    away.away = False
    await async_wait_until(lambda: ledger.backlog == 0)
    await ledger.settle(5)
    [total] = await totals(store)
    assert total["requests"] == 5
    assert away.refused >= 5


def test_days_are_listed_with_both_ends() -> None:
    days = days_between(date(2026, 2, 27), date(2026, 3, 1))
    assert days == ("2026-02-27", "2026-02-28", "2026-03-01")
