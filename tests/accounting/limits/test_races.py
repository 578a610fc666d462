"""G-25: many at once against a budget for few, settled through a spool as a worker does it."""

import asyncio
import random
import sys
from decimal import Decimal
from pathlib import Path

from gateway.accounting.limits.gate import Gate
from gateway.accounting.spool.drain import Drainer
from gateway.accounting.spool.writer import SpoolWriter
from gateway.errors import BudgetSpent, RateLimited
from gateway.store.client import RedisStore
from gateway.store.embedded import EmbeddedStore
from gateway.types.limits import LimitSet
from tests.accounting.limits.scene import (
    add_user,
    amounts,
    gate_of,
    held,
    is_free,
    let_in,
    row_of,
    wanted,
)
from tests.accounting.limits.settling import settling

RESERVED = 1_000_000
BUDGET_FOR = 10
MOST_ACTUAL = 1_500_000
RACER = Path(__file__).with_name("racer.py")


async def one_of_many(
    gate: Gate, pen: tuple[SpoolWriter, Drainer], user: str, number: int, chance: random.Random
) -> int | None:
    """One request of a hundred: what it cost, None if it was refused."""
    writer, drainer = pen
    limits = LimitSet(
        cost_per_day_usd=Decimal(RESERVED * BUDGET_FOR) / 10**9,
        concurrent=BUDGET_FOR + 1,
    )
    asked = wanted(
        f"{user}-{number}", limits, user=user, everyone=LimitSet(concurrent=50), cost=RESERVED
    )
    await asyncio.sleep(chance.random() / 50)
    try:
        admission = await let_in(gate, asked)
    except (BudgetSpent, RateLimited):
        return None
    await asyncio.sleep(chance.random() / 50)
    cost = chance.randint(0, MOST_ACTUAL)
    opened = writer.open(row_of(asked, cost=0), admission.tally)
    writer.close_attempt(opened, row_of(asked, cost=cost), admission.tally)
    writer.release(user, asked.request_id, admission.tally)
    drainer.wake()
    return cost


async def test_g25_a_hundred_at_once_a_hundred_times_exceed_a_budget_by_no_more_than_the_bound(
    store: RedisStore, tmp_path: Path
) -> None:
    """The bound: what requests used beyond their reservations, of those on their way together."""
    chance = random.Random(20_261_123)
    gates = (gate_of(store), gate_of(store))
    async with settling(store, tmp_path) as pen:
        for number in range(100):
            user = f"u{number}"
            await add_user(store, user)
            costs = await asyncio.gather(
                *(one_of_many(gates[n % 2], pen, user, n, chance) for n in range(100))
            )
            assert await pen[1].settled(10)
            spent = [cost for cost in costs if cost is not None]
            budget = BUDGET_FOR * RESERVED
            assert len(spent) >= BUDGET_FOR - 1
            assert sum(spent) <= budget + BUDGET_FOR * (MOST_ACTUAL - RESERVED)
            used = await amounts(store, f"{user}}}:used:user:cost_*")
            assert set(used.values()) == {sum(spent)}
            assert await is_free(store, user)
            if sum(spent) + RESERVED > budget:
                assert await _is_refused(gates[0], user)
        assert await is_free(store, "")


async def test_g25_without_a_surprise_no_budget_is_exceeded_at_all(
    store: RedisStore, tmp_path: Path
) -> None:
    await add_user(store)
    limits = LimitSet(cost_per_day_usd=Decimal(RESERVED * BUDGET_FOR) / 10**9)
    gate = gate_of(store)
    async with settling(store, tmp_path) as (writer, drainer):

        async def ask(number: int) -> int:
            asked = wanted(f"r{number}", limits, cost=RESERVED)
            try:
                admission = await let_in(gate, asked)
            except BudgetSpent:
                return 0
            cost = RESERVED - number % 3
            writer.close_attempt(0, row_of(asked, cost=cost), admission.tally)
            writer.release("u", asked.request_id, admission.tally)
            drainer.wake()
            return cost

        spent = 0
        for _ in range(10):
            spent += sum(await asyncio.gather(*(ask(number) for number in range(100))))
            assert await drainer.settled(10)
            assert spent <= RESERVED * BUDGET_FOR
    assert spent > RESERVED * (BUDGET_FOR - 1)
    assert await held(store) == {}


async def test_two_processes_enforce_one_limit_as_one(
    store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """Each asks for 300 of 200, at the same time."""
    await add_user(store)
    racers = await asyncio.gather(
        *(_start_racer(redis_server.url, "race", name) for name in ("a", "b"))
    )
    for racer in racers:
        assert racer.stdout is not None
        assert await racer.stdout.readline() == b"ready\n"
    ended = await asyncio.gather(*(racer.communicate(b"\n") for racer in racers))
    counts = [int(output) for output, _ in ended]
    assert sum(counts) == 200
    assert min(counts) > 0
    assert await held(store, "u") == {"user:concurrent:now": 200}
    assert await held(store, "") == {"all:concurrent:now": 200}


async def test_g26_a_killed_process_holds_nothing_beyond_its_lease(
    store: RedisStore, redis_server: EmbeddedStore
) -> None:
    await add_user(store)
    racer = await _start_racer(redis_server.url, "hold", "a")
    assert racer.stdout is not None
    assert await racer.stdout.readline() == b"held\n"
    racer.kill()
    await racer.communicate()
    gate = gate_of(store)
    limits = LimitSet(concurrent=1)
    assert await held(store) == {"user:concurrent:now": 1}
    async with asyncio.timeout(10):
        while True:
            try:
                await let_in(gate, wanted("next", limits))
            except RateLimited:
                await asyncio.sleep(0.02)
            else:
                break
    assert await held(store) == {"user:concurrent:now": 1}


async def _start_racer(url: str, what: str, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(RACER),
        url,
        what,
        name,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=RACER.parents[3],
    )


async def _is_refused(gate: Gate, user: str) -> bool:
    limits = LimitSet(cost_per_day_usd=Decimal(RESERVED * BUDGET_FOR) / 10**9)
    try:
        await let_in(gate, wanted("once more", limits, user=user, cost=RESERVED))
    except BudgetSpent:
        return True
    return False
