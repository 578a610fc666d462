"""The ledger: one row once, totals with it, and nothing lost while the store is away."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.accounting.day_totals import DEFAULT_RULES
from gateway.accounting.ledger import Reached, open_ledger
from gateway.accounting.measures import day_of
from gateway.accounting.rows import LedgerRow, Status
from gateway.accounting.span import days_between
from gateway.accounting.usage import read_request, read_totals
from gateway.config.system_clock import SystemClock
from gateway.errors import ConfigError
from gateway.store.client import RedisStore
from gateway.types.models import PriceState
from gateway.types.usage import Certainty, Usage
from tests.accounting.booking import book
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


async def test_how_far_an_answer_has_come_is_in_the_spool_while_it_streams(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-15. What a worker that is killed leaves behind is booked as far as it had come."""
    reached = [Reached(Usage(input=5, output=1), 10)]
    dying = open_ledger(tmp_path, 0, store, SystemClock(), lambda: DEFAULT_RULES)
    job = asyncio.create_task(dying.run())
    opening = dying.open(replace(ROW, certainty=Certainty.ABORTED, usage=Usage()), None)
    dying.watch(opening, lambda: reached[0])
    await async_wait_until(lambda: b"progress" in segments_of(tmp_path))
    reached[0] = Reached(Usage(input=5, output=70), 700)
    await async_wait_until(lambda: b'"output":70' in segments_of(tmp_path))
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    dying.aclose()

    heir = open_ledger(tmp_path, 1, store, SystemClock(), lambda: DEFAULT_RULES)
    job = asyncio.create_task(heir.run())
    async with asyncio.timeout(15):
        while not (rows := await read_request(store, "u_test", "req_1")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    heir.aclose()

    [row] = rows
    assert (row["certainty"], row["failure"]) == ("estimated", "worker_lost")
    assert row["tokens"] == {"input": 5, "output": 70}
    assert row["cost_usd"] == "0.0000007"


def test_a_spool_that_cannot_be_written_refuses_the_start(tmp_path: Path) -> None:
    """G-19."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(ConfigError, match="cannot be written"):
        open_ledger(blocked, 0, None, SystemClock(), lambda: DEFAULT_RULES)  # type: ignore[arg-type]  # never asked


def segments_of(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*.seg"))
