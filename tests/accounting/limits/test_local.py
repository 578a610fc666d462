"""The store is away: each process counts by itself from where the store left off."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from gateway.accounting.limits.gate import Gate
from gateway.config.schema_limits import WhenStoreIsAway
from gateway.errors import BudgetSpent, ExceedsLimit, RateLimited, StoreAway
from gateway.store.base import Argument, Script
from gateway.store.client import RedisStore
from gateway.types.limits import LimitSet
from tests.accounting.limits.scene import FUTURE, TimedStore, add_user, let_in, wanted
from tests.identity.scene import ManualClock


class AwayStore(TimedStore):
    """A store that can be away."""

    away = False

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        if self.away:
            raise StoreAway("away")
        return await super().script(script, keys, args)


async def test_a_gate_says_that_the_store_is_away(store: RedisStore) -> None:
    gone = AwayStore(store)
    gone.away = True
    with pytest.raises(StoreAway):
        await Gate(gone, ManualClock()).admit(wanted("r1", LimitSet(concurrent=1)))


async def test_what_was_used_stays_used_while_the_store_is_away(store: RedisStore) -> None:
    await add_user(store)
    clock, known = ManualClock(FUTURE), AwayStore(store)
    gate, other = Gate(known, clock, ()), Gate(known, clock, ())
    limits = LimitSet(
        requests_per_minute=5, tokens_per_minute=1_000, cost_per_day_usd=Decimal("0.00001")
    )
    await let_in(other, wanted("r0", limits))
    await let_in(gate, wanted("r1", limits))  # this process hears of both
    known.away = True
    first = gate.admit_away(wanted("r2", limits))
    assert first.is_local
    assert first.headers()["x-ratelimit-remaining-requests"] == "2"
    assert first.headers()["x-ratelimit-remaining-tokens"] == "700"
    gate.end(first)
    gate.end(first)
    gate.admit_away(wanted("r3", limits))
    gate.admit_away(wanted("r4", limits))
    with pytest.raises(RateLimited) as refused:
        gate.admit_away(wanted("r5", limits))
    assert refused.value.headers["x-ratelimit-remaining-requests"] == "0"
    clock.pass_s(60)  # another minute, the same day: 5 of 10 in cost are used
    for number in range(5):
        gate.end(gate.admit_away(wanted(f"s{number}", limits, tokens=1)))
    with pytest.raises(BudgetSpent):
        gate.admit_away(wanted("s9", LimitSet(cost_per_day_usd=Decimal("0.00001"))))
    known.away = False
    again = await let_in(gate, wanted("r9", limits))
    assert again.headers()["x-ratelimit-remaining-requests"] == "2"


async def test_places_are_counted_here_whether_they_were_taken_with_the_store_or_without(
    store: RedisStore,
) -> None:
    await add_user(store)
    known = AwayStore(store)
    gate = Gate(known, ManualClock(FUTURE), ())
    limits = LimitSet(concurrent=2)
    first = await let_in(gate, wanted("r1", limits))
    known.away = True
    gate.admit_away(wanted("r2", limits))
    with pytest.raises(RateLimited):
        gate.admit_away(wanted("r3", limits))
    gate.end(first)
    gate.admit_away(wanted("r3", limits))


async def test_a_place_is_free_again_after_its_lease_and_everyones_limit_holds_too() -> None:
    clock = ManualClock(FUTURE)
    gate = Gate(AwayStore(None), clock, ())  # type: ignore[arg-type]  # never asked
    one = LimitSet(concurrent=1)
    gate.admit_away(wanted("r1", LimitSet(), everyone=one))
    with pytest.raises(RateLimited, match="All users together"):
        gate.admit_away(wanted("r2", LimitSet(), user="v", everyone=one))
    clock.pass_s(61)
    gate.admit_away(wanted("r2", LimitSet(), user="v", everyone=one))


async def test_the_operator_decides_whether_anybody_is_let_in_uncounted() -> None:
    gate = Gate(AwayStore(None), ManualClock(FUTURE), ())  # type: ignore[arg-type]  # never asked
    none = LimitSet(concurrent=1)
    for number in range(3):
        admission = gate.admit_away(
            wanted(f"r{number}", none, when_away=WhenStoreIsAway.ALLOW, tokens=10**9)
        )
        assert (admission.headers(), admission.is_local) == ({}, True)
    with pytest.raises(StoreAway):
        gate.admit_away(wanted("r", none, when_away=WhenStoreIsAway.REFUSE))
    with pytest.raises(ExceedsLimit):
        gate.admit_away(wanted("r", LimitSet(tokens_per_minute=5)))
