"""Ten tests a minute and no more, whichever worker is asked."""

import pytest

from gateway.errors import RateLimited
from gateway.offers.probe_limit import ProbeLimit
from gateway.store import names
from gateway.store.client import RedisStore
from tests.identity.scene import ManualClock


async def admitted(limit: ProbeLimit, user_id: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            await limit.admit(user_id)
        except RateLimited:
            continue
        count += 1
    return count


async def test_two_workers_count_together_and_users_apart(store: RedisStore) -> None:
    clock = ManualClock(now=60_000.0)
    one, two = ProbeLimit(store, clock), ProbeLimit(store, clock)
    assert await admitted(one, "u_a", 6) == 6
    assert await admitted(two, "u_a", 6) == 4
    assert await admitted(one, "u_b", 6) == 6


async def test_the_wait_that_is_named_is_long_enough(store: RedisStore) -> None:
    clock = ManualClock(now=60_020.0)
    limit = ProbeLimit(store, clock, most=1)
    await limit.admit("u_a")
    with pytest.raises(RateLimited) as raised:
        await limit.admit("u_a")
    assert raised.value.retry_after_s == 40.0
    clock.pass_s(40.0)
    await limit.admit("u_a")


async def test_counts_do_not_stay_in_the_store(store: RedisStore) -> None:
    clock = ManualClock(now=60_020.0)
    await ProbeLimit(store, clock).admit("u_a")
    assert 0 < await store.run("TTL", names.user_probes("u_a", 1_000)) <= 120
