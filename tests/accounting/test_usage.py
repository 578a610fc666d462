"""Totals read back: of any rows what a plain sum gives, for a user and for the deployment."""

from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec.structs import replace

from gateway.accounting.day_totals import MOST_FEATURES, MOST_USER_PLACES, BookingRules
from gateway.accounting.rows import LedgerRow
from gateway.accounting.span import MOST_DAYS
from gateway.accounting.spool.apply import MOST_ROWS, apply_rows
from gateway.accounting.spool.frames import Closed
from gateway.accounting.totals import add_up
from gateway.accounting.usage import GROUPS, read_sums, read_totals
from gateway.store import names
from gateway.store.base import Store
from gateway.store.client import RedisStore
from tests.accounting.booking import book
from tests.accounting.many_rows import DAY, NOON, ROW, ROWS, reference, total_of

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22", DAY)
USERS = ("u1", "u2", "u3")
SLOW_STORE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


async def spooled(
    store: Store,
    rows: list[LedgerRow],
    rules: BookingRules,
    spool: str = "w",
    *,
    die_before_totals: bool = False,
) -> None:
    """Book rows as a drainer does: each user's in order, and then into everyone's totals."""
    by_user: dict[str, list[Closed]] = {}
    for seq, row in enumerate(rows, 1):
        by_user.setdefault(row.user_id, []).append(Closed(seq, 0, row))
    booked: dict[int, Closed] = {}
    for bookings in by_user.values():
        for start in range(0, len(bookings), MOST_ROWS):
            part = bookings[start : start + MOST_ROWS]
            applied = await apply_rows(store, spool, part, now=NOON, rules=rules)
            booked.update((each.seq, each) for each in applied.bookings)
    assert len(booked) == len(rows)
    if die_before_totals:
        return
    assert await add_up(store, spool, booked, {}, rules)


def by_group(found: list[dict[str, Any]], group_by: tuple[str, ...]) -> dict[Any, Any]:
    """Groups as the API shows them, by their names."""
    return {tuple(group.pop(name) for name in group_by): group for group in found}


@SLOW_STORE
@given(
    rows=ROWS, group_by=st.permutations(GROUPS), size=st.integers(0, len(GROUPS)), via=st.booleans()
)
async def test_totals_are_what_a_plain_sum_of_the_rows_gives(
    store: RedisStore, rows: list[LedgerRow], group_by: list[str], size: int, via: bool
) -> None:
    """Whichever way they were booked, and booked twice; by user, and for the deployment."""
    await store.run("FLUSHALL")
    groups = tuple(group_by[:size])
    if via:
        await book(store, *rows, rules=BookingRules(features={"report", "-x"}))
    else:
        for _ in range(2):
            await spooled(store, rows, BookingRules(features={"report", "-x"}))
    for user in USERS:
        own = [row for row in rows if row.user_id == user]
        sums = await read_sums(store, user, DAYS, groups)
        assert by_group(sums.groups(), groups) == reference(own, groups)
        assert sums.total() == total_of(own)
    everyone = await read_sums(store, None, DAYS, groups)
    assert by_group(everyone.groups(), groups) == reference(rows, groups)
    assert everyone.total() == total_of(rows)


async def test_undeclared_features_beyond_fifty_a_day_are_booked_as_other(
    store: RedisStore,
) -> None:
    """Exactly: for the user and for the deployment, also when rows come again after a crash."""
    rules = BookingRules(features=frozenset({"declared"}))
    features = ["chat", "declared", *(f"f{n}" for n in range(MOST_FEATURES + 7)), "embeddings"]
    rows = [
        replace(ROW, user_id="u1", request_id=f"req_{n}", feature=feature)
        for n, feature in enumerate([*features, *features])
    ]
    for dies in (True, False, False):
        await spooled(store, rows, rules, die_before_totals=dies)
    named = {"chat", "declared", "embeddings", *(f"f{n}" for n in range(MOST_FEATURES))}
    expected = {**dict.fromkeys(named, 2), "other": 14}
    for user in ("u1", None):
        groups = (await read_sums(store, user, DAYS, ["feature"])).groups()
        assert {group["feature"]: group["attempts"] for group in groups} == expected
    another_day = replace(ROW, user_id="u1", request_id="req_x", feature="late", time=NOON + 86_400)
    another_user = replace(ROW, user_id="u2", request_id="req_y", feature="late")
    await spooled(store, [another_day, another_user], rules, "w2")
    [tomorrow] = await read_totals(store, "u1", ["2026-11-24"], ["feature"])
    [of_other] = await read_totals(store, "u2", [DAY], ["feature"])
    assert tomorrow["feature"] == of_other["feature"] == "late"


async def test_everyone_together_may_have_more_features_than_each_of_them(
    store: RedisStore,
) -> None:
    users = ("u1", "u2", "u3")
    rows = [
        replace(ROW, user_id=user, request_id=f"req_{user}{n}", feature=f"{user}.{n}")
        for user in users
        for n in range(MOST_FEATURES)
    ]
    await spooled(store, rows, BookingRules())
    found = {g["feature"] for g in (await read_sums(store, None, [DAY], ["feature"])).groups()}
    assert found == {row.feature for row in rows}


async def test_the_number_of_features_holds_in_a_ledger_too(store: RedisStore) -> None:
    rows = (replace(ROW, request_id=f"req_{n}", feature=f"f{n}") for n in range(MOST_FEATURES + 3))
    await book(store, *rows)
    for user in ("u", None):
        groups = (await read_sums(store, user, [DAY], ["feature"])).groups()
        assert {g["feature"]: g["attempts"] for g in groups}["other"] == 3
        assert len(groups) == MOST_FEATURES + 1


async def test_a_day_has_a_bounded_number_of_places_and_loses_nothing(store: RedisStore) -> None:
    """Models are named by users' own endpoints: I-04 for the store."""
    rows = [
        replace(ROW, user_id="u1", request_id=f"req_{n}", model=f"m{n}", provider_label="custom")
        for n in range(MOST_USER_PLACES + 5)
    ]
    await spooled(store, rows, BookingRules())
    groups = await read_totals(store, "u1", [DAY], ["provider", "model"])
    assert len(groups) == MOST_USER_PLACES + 1
    by_model = {group["model"]: (group["provider"], group["attempts"]) for group in groups}
    assert by_model["other"] == ("custom", 5)
    assert sum(group["attempts"] for group in groups) == len(rows)
    assert (await read_sums(store, None, [DAY], [])).total() == total_of(rows)


async def test_what_is_no_field_of_ours_is_passed_over(store: RedisStore) -> None:
    """G-12."""
    await spooled(store, [replace(ROW, user_id="u1")], BookingRules())
    place = "a\x1fb\x1fc\x1fd\x1fe\x1f"
    for field, value in (("x", "1"), (f"{place}attempts", "many"), (f"{place}no", "1")):
        await store.run("HSET", names.usage_day("u1", DAY), field, value)
    await store.run("HSET", names.usage_day("u1", DAY), b"\xff", "1")
    assert (await read_sums(store, "u1", [DAY], [])).total() == total_of([ROW])


async def test_keys_of_usage_end_as_the_operator_says(store: RedisStore) -> None:
    rules = BookingRules(keep_rows_s=10 * 86_400, keep_totals_s=50 * 86_400)
    await spooled(store, [replace(ROW, user_id="u1")], rules)
    keep_rows = {names.usage_request("u1", "req_1"), names.usage_rows("u1")}
    keep_totals = {names.usage_day("u1", DAY), names.totals_day(DAY)}
    for keys, days in ((keep_rows, 10), (keep_totals, 50)):
        for key in keys:
            assert days * 86_400 - 60 < await store.run("TTL", key) <= days * 86_400
    found = {key.decode() for key in await store.run("KEYS", "*")}
    assert found == keep_rows | keep_totals | {names.usage_marks("u1")}


async def test_totals_do_not_depend_on_rows(store: RedisStore) -> None:
    rows = [replace(ROW, user_id="u1", request_id=f"req_{n}") for n in range(3)]
    await spooled(store, rows, BookingRules())
    await store.run("DEL", names.usage_rows("u1"), names.usage_request("u1", "req_1"))
    assert (await read_sums(store, "u1", [DAY], [])).total() == total_of(rows)


async def test_a_long_span_is_read_whole(store: RedisStore) -> None:
    days = [f"d{n}" for n in range(MOST_DAYS)]
    field = "\x1f".join(["p", "m", "chat", "own", "measured", "attempts"])
    for day in days:
        await store.run("HSET", names.usage_day("u1", day), field, 1)
    sums = await read_sums(store, "u1", days, ["day"])
    assert len(sums.groups()) == MOST_DAYS == sums.total()["attempts"]
