"""The gate: who is let in, who is told what, and what is left behind."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway import metrics
from gateway.accounting.limits.counters import USER
from gateway.accounting.limits.gate import Admission, Gate, Stale, release
from gateway.config.system_clock import SystemClock
from gateway.endpoints.replies import error_reply
from gateway.errors import BudgetSpent, ExceedsLimit, RateLimited, StoreAway
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.limits import LimitSet
from tests.accounting.limits.scene import (
    FUTURE,
    LEASE_S,
    TimedStore,
    add_user,
    amounts,
    gate_of,
    held,
    is_free,
    let_in,
    wanted,
)
from tests.identity.scene import ManualClock


async def test_without_limits_everybody_is_let_in_and_nothing_is_written(
    store: RedisStore,
) -> None:
    await add_user(store)
    admission = await let_in(gate_of(store), wanted("r1", LimitSet()))
    assert (admission.standings, admission.headers(), admission.tally.held) == ((), {}, ())
    assert await store.run("DBSIZE") == 1


async def test_what_is_left_is_told_and_the_next_one_is_refused(store: RedisStore) -> None:
    await add_user(store)
    gate = gate_of(TimedStore(store, FUTURE + 43))
    limits = LimitSet(requests_per_minute=2, tokens_per_minute=1_000)
    first = await let_in(gate, wanted("r1", limits, tokens=400))
    assert first.headers() == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "17s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "600",
        "x-ratelimit-reset-tokens": "17s",
    }
    await let_in(gate, wanted("r2", limits, tokens=400))
    with pytest.raises(RateLimited) as refused:
        await gate.admit(wanted("r3", limits, tokens=1))
    assert refused.value.message == (
        "The limit of this user, 2 requests a minute, is reached: 2 used. Try again in 17 s."
    )
    reply = error_reply(refused.value)
    assert (reply.status, reply.headers["retry-after"]) == (429, "17")
    assert reply.headers["x-ratelimit-remaining-requests"] == "0"
    assert reply.headers["x-ratelimit-remaining-tokens"] == "200"
    assert "x-should-retry" not in reply.headers
    assert reply.headers["x-gateway-error-origin"] == "policy"


async def test_tokens_that_do_not_fit_wait_for_the_next_minute(store: RedisStore) -> None:
    await add_user(store)
    timed = TimedStore(store, FUTURE + 1)
    gate = gate_of(timed)
    limits = LimitSet(tokens_per_minute=1_000)
    await let_in(gate, wanted("r1", limits, tokens=700))
    with pytest.raises(RateLimited) as refused:
        await gate.admit(wanted("r2", limits, tokens=400))
    assert refused.value.retry_after_s == 59
    assert refused.value.message.endswith(
        "0 tokens used, 700 tokens reserved by requests on their way, and this one may need "
        "400 tokens. Try again in 59 s."
    )
    timed.now += 59
    await let_in(gate, wanted("r2", limits, tokens=400))


async def test_a_spent_budget_says_when_it_begins_anew_and_that_retrying_is_no_use(
    store: RedisStore,
) -> None:
    await add_user(store)
    zone = ZoneInfo("Europe/Berlin")
    gate = gate_of(TimedStore(store))
    limits = LimitSet(cost_per_day_usd=Decimal("0.05"))
    await let_in(gate, wanted("r1", limits, cost=30_000_000, zone=zone))
    with pytest.raises(BudgetSpent) as refused:
        await gate.admit(wanted("r2", limits, cost=30_000_000, zone=zone))
    assert refused.value.message == (
        "The budget of this user, $0.05 a day, is spent: $0 used, $0.03 reserved by requests on "
        "their way, and this one may need $0.03. It begins anew at 2091-11-24T00:00+01:00."
    )
    reply = error_reply(refused.value)
    assert (reply.status, reply.headers["x-should-retry"]) == (429, "false")
    assert "retry-after" not in reply.headers


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            LimitSet(tokens_per_minute=80),
            "This request may use up to 100 tokens, which is 20 tokens more than this user may at "
            "all (80 tokens a minute). Send less, or ask for a shorter reply (max_tokens).",
        ),
        (
            LimitSet(cost_per_month_usd=Decimal("0.0000004")),
            "This request may cost up to $0.000001, which is $0.0000006 more than this user may at "
            "all ($0.0000004 a month). Send less, or ask for a shorter reply (max_tokens).",
        ),
    ],
)
async def test_what_can_never_fit_is_told_by_how_much(
    store: RedisStore, limits: LimitSet, message: str
) -> None:
    await add_user(store)
    with pytest.raises(ExceedsLimit) as refused:
        await gate_of(store).admit(wanted("r1", limits))
    assert (refused.value.status, refused.value.message) == (400, message)


async def test_every_subject_has_its_say(store: RedisStore) -> None:
    await add_user(store)
    gate = gate_of(store)
    two = {USER: LimitSet(concurrent=2), "token:a": LimitSet(concurrent=1)}
    await let_in(gate, wanted("r1", two))
    with pytest.raises(
        RateLimited, match=r"^This token may have 1 request at a time; running: 1\."
    ):
        await gate.admit(wanted("r2", two))
    other = {USER: LimitSet(concurrent=2), "token:b": LimitSet(concurrent=1)}
    await let_in(gate, wanted("r3", other))
    feature = {USER: LimitSet(concurrent=9), "feature:notes": LimitSet(concurrent=1)}
    await let_in(gate, wanted("r4", feature))
    with pytest.raises(RateLimited, match="This user in the feature 'notes' may have 1"):
        await gate.admit(wanted("r5", feature))
    assert await held(store) == {
        "user:concurrent:now": 3,
        "token:a:concurrent:now": 1,
        "token:b:concurrent:now": 1,
        "feature:notes:concurrent:now": 1,
    }


async def test_a_request_that_everyones_limit_refuses_leaves_nothing_in_its_users_slot(
    store: RedisStore,
) -> None:
    await add_user(store)
    await add_user(store, "v")
    gate = gate_of(store)
    own = LimitSet(requests_per_minute=5, concurrent=5)
    everyone = LimitSet(concurrent=1)
    admission = await let_in(gate, wanted("r1", own, everyone=everyone))
    with pytest.raises(RateLimited, match="All users together may have 1"):
        await gate.admit(wanted("r2", own, user="v", everyone=everyone))
    assert await is_free(store, "v")
    assert set((await amounts(store, "v}:used:*")).values()) == {0}
    await release(store, "u", "r1", admission.tally)
    assert await is_free(store, "u")
    assert await is_free(store, "")
    await let_in(gate, wanted("r2", own, user="v", everyone=everyone))


async def test_another_epoch_lets_nobody_in(store: RedisStore) -> None:
    await add_user(store, epoch=7)
    gate = gate_of(store)
    asked = wanted("r1", LimitSet(concurrent=1), everyone=LimitSet(concurrent=1), epoch=6)
    assert await gate.admit(asked) == Stale(7)
    assert await gate.admit(wanted("r1", LimitSet(), user="nobody")) == Stale(None)
    assert await is_free(store)
    assert await is_free(store, "")


async def test_an_admission_is_undone_whole(store: RedisStore) -> None:
    await add_user(store)
    gate = gate_of(store)
    limits = LimitSet(requests_per_minute=5, tokens_per_minute=500, concurrent=5)
    admission = await let_in(gate, wanted("r1", limits, everyone=limits))
    await gate.undo(admission)
    await gate.undo(admission)
    assert await is_free(store)
    assert await is_free(store, "")
    assert set((await amounts(store, "*}:used:*")).values()) == {0}


async def test_g26_what_a_crash_left_is_free_after_its_lease(store: RedisStore) -> None:
    await add_user(store)
    timed = TimedStore(store)
    gate = gate_of(timed)
    limits = LimitSet(concurrent=1, cost_per_month_usd=Decimal("0.000001"))
    await let_in(gate, wanted("lost", limits))
    timed.now += LEASE_S - 1
    with pytest.raises(RateLimited):
        await gate.admit(wanted("r2", limits))
    timed.now += 2
    await let_in(gate, wanted("r2", limits))
    assert set((await held(store)).values()) == {1, 1_000}


async def test_holds_are_forgotten_all_at_once_where_nobody_comes_back(store: RedisStore) -> None:
    """A part that outlived its lease would be held for ever."""
    await add_user(store)
    gate = gate_of(store)
    await let_in(gate, wanted("r1", LimitSet(requests_per_minute=9)))
    await store.run("PEXPIRE", names.limit_leases("u"), 1_000)
    await let_in(gate, wanted("r2", LimitSet(concurrent=9, requests_per_minute=9)))
    keys = (names.limit_leases("u"), names.limit_parts("u"), names.limit_held("u"))
    ends = {await store.run("PEXPIRETIME", key) for key in keys}
    assert len(ends) == 1
    assert min(ends) > (SystemClock().now() + LEASE_S + 3_600) * 1000


async def test_counters_are_kept_no_longer_than_they_are_asked_for(store: RedisStore) -> None:
    await add_user(store)
    await let_in(gate_of(store), wanted("r1", LimitSet(requests_per_minute=1)))
    (key,) = await store.run("KEYS", "*used:*")
    assert 0 < await store.run("TTL", key) <= 120


async def test_a_caller_who_walks_away_leaves_nothing_behind(store: RedisStore) -> None:
    await add_user(store)
    gate = gate_of(store)
    limits = LimitSet(requests_per_minute=50, concurrent=50)
    for number in range(20):
        task = asyncio.create_task(gate.admit(wanted(f"r{number}", limits, everyone=limits)))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            await gate.undo(_admission(task))
    assert await is_free(store)
    assert await is_free(store, "")


async def test_a_request_that_has_just_ended_does_not_stand_in_the_way_of_the_next(
    store: RedisStore,
) -> None:
    await add_user(store)
    gate = Gate(store, SystemClock(), waits_s=(0.01, 5.0, 5.0))
    limits = LimitSet(concurrent=1)
    admission = await let_in(gate, wanted("r1", limits))
    following = asyncio.create_task(gate.admit(wanted("r2", limits)))
    await asyncio.sleep(0)
    await release(store, "u", "r1", admission.tally)
    assert isinstance(await asyncio.wait_for(following, 4), Admission)


async def test_g23_a_wrong_clock_neither_opens_nor_closes_a_window(store: RedisStore) -> None:
    """Workers whose clocks are off by an hour, and jump, share the windows of the store's clock."""
    await add_user(store)
    timed = TimedStore(store)
    clocks = [ManualClock(FUTURE - 3_600), ManualClock(FUTURE + 3_600), ManualClock(0)]
    gates = [Gate(timed, clock, ()) for clock in clocks]
    limits = LimitSet(requests_per_minute=6, cost_per_day_usd=Decimal(1))
    for number, gate in enumerate((*gates, *gates)):
        await let_in(gate, wanted(f"r{number}", limits))
        clocks[number % 3].wall += 7_200
    for gate in gates:
        with pytest.raises(RateLimited) as refused:
            await gate.admit(wanted("more", limits))
        assert refused.value.retry_after_s == 60
        assert gate.now() == FUTURE
    assert len(await store.run("KEYS", "*used:*")) == 1


async def test_g23_every_window_is_counted_once_over_a_change_of_clocks(
    store: RedisStore,
) -> None:
    """25 hours of one day in Berlin, then the next day; the budget is spent once in each."""
    await add_user(store)
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2091, 10, 28, tzinfo=zone).timestamp()  # clocks go back at 3:00
    timed = TimedStore(store, start)
    gate = gate_of(timed)
    limits = LimitSet(cost_per_day_usd=Decimal("0.000003"))
    let_in_at = []
    for hour in range(50):
        timed.now = start + hour * 3_600
        try:
            await let_in(gate, wanted(f"r{hour}", limits, zone=zone, lease_s=1e6))
        except BudgetSpent:
            continue
        let_in_at.append(hour)
    assert let_in_at == [0, 1, 2, 25, 26, 27, 49]


async def test_amounts_beyond_what_a_float_holds_stay_exact(store: RedisStore) -> None:
    await add_user(store)
    gate = gate_of(store)
    limits = LimitSet(cost_per_month_usd=Decimal(1_000_000))
    most = 10**15
    for number in range(3):
        await let_in(gate, wanted(f"r{number}", limits, cost=most // 4 + number))
    assert list((await held(store)).values()) == [3 * (most // 4) + 3]
    await let_in(gate, wanted("r3", limits, cost=most // 4 - 3))
    with pytest.raises(BudgetSpent):
        await gate.admit(wanted("r4", limits, cost=1))


async def test_what_stands_in_a_counters_place_and_is_none_counts_as_an_absent_store(
    store: RedisStore,
) -> None:
    """G-12."""
    await add_user(store)
    await store.run("SET", names.limit_held("u"), "garbage")
    with pytest.raises(StoreAway):
        await gate_of(store).admit(wanted("r1", LimitSet(concurrent=1)))


async def test_all_keys_of_a_script_share_a_slot(store: RedisStore) -> None:
    await add_user(store)
    timed = TimedStore(store)
    gate = gate_of(timed)
    limits = LimitSet(1, 1_000, 5, Decimal(1), Decimal(2))
    subjects = {USER: limits, "token:t": limits, "feature:f": limits}
    admission = await let_in(gate, wanted("r1", subjects, everyone=limits))
    await gate.undo(admission)
    await release(timed, "u", "r1", admission.tally)
    assert {name for name, _ in timed.seen} == {"admit", "undo", "release"}
    for _, keys in timed.seen:
        tags = {key[key.index("{") + 1 : key.index("}")] for key in keys}
        assert tags in ({"u:u"}, {"u:"})


def _admission(task: "asyncio.Task[Admission | Stale]") -> Admission:
    found = task.result()
    assert isinstance(found, Admission)
    return found


def test_the_future_is_a_plain_moment() -> None:
    assert datetime.fromtimestamp(FUTURE, UTC).isoformat() == "2091-11-23T12:00:00+00:00"


async def test_refusals_and_reservations_are_counted_without_saying_whose_they_are(
    store: RedisStore,
) -> None:
    await add_user(store)
    gate = gate_of(store)
    refusals = metrics.LIMIT_REFUSALS.labels("concurrent", "feature")
    before = refusals._value.get()
    asked = {USER: LimitSet(), "feature:notes": LimitSet(concurrent=1)}
    admission = await let_in(gate, wanted("r1", asked))
    assert metrics.RESERVATIONS_HELD._value.get() == 1
    with pytest.raises(RateLimited):
        await gate.admit(wanted("r2", asked))
    assert refusals._value.get() == before + 1
    gate.end(admission)
    assert metrics.RESERVATIONS_HELD._value.get() == 0
