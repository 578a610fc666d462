"""Rows of a spool are charged to the counters of their request: once, and where it was let in."""

from datetime import UTC
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from gateway.accounting.limits.counters import USER, nano
from gateway.accounting.limits.tally import Tally, charges_of_everyone, charges_of_user, tally_of
from gateway.accounting.limits.windows import windows_at
from gateway.accounting.spool.frames import Released, pack, unpack
from gateway.accounting.spool.writer import SpoolWriter
from gateway.config.parse import parse
from gateway.errors import BudgetSpent
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.limits import NO_LIMITS, LimitSet
from gateway.types.usage import Usage
from tests.accounting.limits.scene import (
    FUTURE,
    TimedStore,
    add_user,
    amounts,
    gate_of,
    held,
    is_free,
    let_in,
    row_of,
    wanted,
)
from tests.accounting.limits.settling import settling, take_over
from tests.accounting.spool.scene import spool

BUDGET = LimitSet(tokens_per_minute=10_000, cost_per_month_usd=Decimal(1))
SUBJECTS = {USER: BUDGET, "token:t": LimitSet(cost_per_day_usd=Decimal(1)), "feature:f": NO_LIMITS}


def test_costs_of_user_and_deployment_are_counted_with_or_without_a_limit() -> None:
    windows = windows_at(FUTURE, UTC)
    free = tally_of({USER: NO_LIMITS, "token:t": NO_LIMITS}, NO_LIMITS, windows)
    row = row_of(wanted("r", NO_LIMITS), cost=70, tokens=9)
    assert [(charge.key, charge.amount) for charge in charges_of_user(free, row)] == [
        ("gw:{u:u}:used:user:cost_day:d2091-11-23", 70),
        ("gw:{u:u}:used:user:cost_month:M2091-11", 70),
    ]
    assert [charge.key for charge in charges_of_everyone(free, row)] == [
        "gw:{u:}:used:all:cost_day:d2091-11-23",
        "gw:{u:}:used:all:cost_month:M2091-11",
    ]
    limited = tally_of(SUBJECTS, BUDGET, windows)
    assert (limited.costs, limited.tokens, limited.everyone_tokens) == (
        (USER, "token:t"),
        (USER,),
        True,
    )
    assert len(charges_of_user(limited, row)) == 5
    assert len(charges_of_everyone(limited, row)) == 3


def test_a_row_that_cost_nothing_charges_nothing_and_a_row_without_a_tally_neither() -> None:
    tally = tally_of(SUBJECTS, BUDGET, windows_at(FUTURE, UTC))
    row = row_of(wanted("r", NO_LIMITS), cost=0)
    assert charges_of_user(tally, row) == charges_of_everyone(tally, row) == ()
    assert charges_of_user(None, row) == charges_of_everyone(None, row) == ()


def test_a_tally_survives_the_spool() -> None:
    tally = tally_of(SUBJECTS, BUDGET, windows_at(FUTURE, UTC), ("user", "all"))
    record = Released(3, "u", "req_1", tally)
    (frame,) = unpack(pack(record))
    assert frame.record == record
    assert len(msgspec.json.encode(tally)) < 250


async def test_a_request_is_charged_where_it_was_let_in_however_late_it_ends(
    store: RedisStore, tmp_path: Path
) -> None:
    """Let in before midnight, ended after it: yesterday pays."""
    await add_user(store)
    start = FUTURE + 43_190  # ten seconds to midnight
    timed = TimedStore(store, start)
    gate = gate_of(timed)
    asked = wanted("r1", SUBJECTS, everyone=BUDGET)
    admission = await let_in(gate, asked)
    timed.now += 3_600
    async with settling(timed, tmp_path) as (writer, drainer):
        writer.close_attempt(0, row_of(asked, cost=500, tokens=20), admission.tally)
        writer.close_attempt(0, row_of(asked, cost=30, tokens=1, attempt=2), admission.tally)
        writer.release("u", "r1", admission.tally)
        drainer.wake()
        assert await drainer.settled(10)
    minute = f"m{int(start) // 60}"
    assert await amounts(store, "u}:used:*") == {
        "used:user:cost_day:d2091-11-23": 530,
        "used:user:cost_month:M2091-11": 530,
        "used:token:t:cost_day:d2091-11-23": 530,
        "used:token:t:cost_month:M2091-11": 530,
        f"used:user:tokens:{minute}": 21,
    }
    assert await amounts(store, "}:used:*") == {
        "used:all:cost_day:d2091-11-23": 530,
        "used:all:cost_month:M2091-11": 530,
        f"used:all:tokens:{minute}": 21,
    }
    assert await is_free(store)
    assert await is_free(store, "")


async def test_a_spool_that_is_applied_again_charges_nothing_again(
    store: RedisStore, tmp_path: Path
) -> None:
    await add_user(store)
    asked = wanted("r1", BUDGET, everyone=BUDGET)
    admission = await let_in(gate_of(store), asked)
    async with settling(store, tmp_path) as (writer, drainer):
        for attempt in range(1, 41):
            writer.close_attempt(0, row_of(asked, cost=5, attempt=attempt), admission.tally)
        writer.release("u", "r1", admission.tally)
        drainer.wake()
        assert await drainer.settled(10)
    charged = await amounts(store, "*}:used:*")
    assert set(charged.values()) == {200}
    await take_over(store, tmp_path, "w0-1")
    assert await amounts(store, "*}:used:*") == charged


async def test_g09_a_store_that_lost_everything_gives_nobody_a_new_budget(
    store: RedisStore, tmp_path: Path
) -> None:
    await add_user(store)
    asked = wanted("r1", BUDGET, everyone=BUDGET)
    admission = await let_in(gate_of(store), asked)
    life = [0]
    async with settling(store, tmp_path, life=life) as (writer, drainer):
        writer.close_attempt(0, row_of(asked, cost=999_999_999), admission.tally)
        writer.release("u", "r1", admission.tally)
        drainer.wake()
        assert await drainer.settled(10)
        charged = await amounts(store, "*}:used:*")
        await store.run("FLUSHALL")
        life[0] = 1
        drainer.wake()
        assert await drainer.settled(10)
    assert charged
    assert await amounts(store, "*}:used:*") == charged


async def test_g15_what_a_dead_worker_left_open_is_charged_and_its_hold_is_freed(
    store: RedisStore, tmp_path: Path
) -> None:
    await add_user(store)
    asked = wanted("r1", SUBJECTS, everyone=LimitSet(concurrent=1))
    admission = await let_in(gate_of(store), asked)
    dead = spool(tmp_path, "w0-dead")
    writer = SpoolWriter(dead)
    opened = writer.open(row_of(asked, cost=0), admission.tally)
    writer.progress(opened, Usage(output=4), 77)
    writer.aclose()
    dead.release()
    assert not await is_free(store)
    assert await held(store, "") == {"all:concurrent:now": 1}
    await take_over(store, tmp_path, "w0-dead")
    month = admission.tally.windows.month.name
    assert (await amounts(store, "u}:used:*"))[f"used:token:t:cost_month:{month}"] == 77
    assert (await amounts(store, "}:used:*"))[f"used:all:cost_month:{month}"] == 77
    assert await is_free(store)
    assert await is_free(store, "")


async def test_of_a_user_who_is_gone_only_the_deployment_is_charged(
    store: RedisStore, tmp_path: Path
) -> None:
    await add_user(store)
    asked = wanted("r1", SUBJECTS)
    admission = await let_in(gate_of(store), asked)
    await store.run("SET", names.user_gone("u"), "{}")
    async with settling(store, tmp_path) as (writer, drainer):
        writer.close_attempt(0, row_of(asked, cost=5, tokens=5), admission.tally)
        drainer.wake()
        assert await drainer.settled(10)
    assert await amounts(store, "u}:used:*") == {}
    assert set((await amounts(store, "}:used:*")).values()) == {5}


async def test_nothing_is_written_for_a_request_that_holds_nothing(tmp_path: Path) -> None:
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    writer.release("u", "r1", Tally(windows_at(FUTURE, UTC)))
    assert own.segments() == []
    writer.aclose()
    own.release()


async def test_a_charge_beyond_its_window_does_not_stay(store: RedisStore, tmp_path: Path) -> None:
    """A spool that is found after weeks: nobody asks for that minute any more."""
    await add_user(store)
    past = tally_of({USER: BUDGET}, NO_LIMITS, windows_at(1_700_000_000, UTC))
    asked = wanted("r1", BUDGET)
    async with settling(store, tmp_path) as (writer, drainer):
        writer.close_attempt(0, row_of(asked, cost=5, tokens=5), past)
        drainer.wake()
        assert await drainer.settled(10)
    assert await amounts(store, "*}:used:*") == {}


async def test_g27_dollars_of_the_config_and_costs_of_rows_are_integers_without_drift(
    store: RedisStore, tmp_path: Path
) -> None:
    """A thousand rows of a third of a cent and less come to exactly their sum, and to the limit."""
    costs = [3_333_333 - number for number in range(1_000)]
    limits = parse({"limits": {"user": {"cost_per_month_usd": sum(costs) / 10**9}}}).limits.user
    assert nano(limits.cost_per_month_usd) == sum(costs)
    assert [nano(Decimal(text)) for text in ("0.1", "0.3", "1e-9")] == [10**8, 3 * 10**8, 1]
    await add_user(store)
    gate = gate_of(store)
    async with settling(store, tmp_path) as (writer, drainer):
        admission = await let_in(gate, wanted("r0", limits, cost=sum(costs)))
        for attempt, cost in enumerate(costs[:-1]):
            row = row_of(admission.wanted, cost=cost, attempt=attempt)
            writer.close_attempt(0, row, admission.tally)
        writer.release("u", "r0", admission.tally)
        drainer.wake()
        assert await drainer.settled(20)
    await let_in(gate, wanted("last", limits, cost=costs[-1]))
    with pytest.raises(BudgetSpent):
        await gate.admit(wanted("more", limits, cost=1))
