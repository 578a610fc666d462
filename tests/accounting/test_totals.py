"""The deployment's totals: each booking once, in order, and what was lost is noticed."""

from msgspec.structs import replace

from gateway.accounting.day_totals import BookingRules
from gateway.accounting.spool.frames import Closed
from gateway.accounting.totals import add_up, mark_field
from gateway.accounting.usage import read_sums
from gateway.store import names
from gateway.store.client import RedisStore
from tests.accounting.many_rows import DAY, NOON, ROW

RULES = BookingRules()


def bookings(*numbers: int, time: float = NOON) -> dict[int, Closed]:
    return {n: Closed(n, 0, replace(ROW, request_id=f"req_{n}", time=time)) for n in numbers}


async def attempts(store: RedisStore, day: str = DAY) -> int:
    total = (await read_sums(store, None, [day], [])).total()
    return int(total["attempts"])


async def test_bookings_are_added_once_however_often_and_in_whatever_portions(
    store: RedisStore,
) -> None:
    known: dict[str, int] = {}
    assert await add_up(store, "w", bookings(*range(1, 121)), known, RULES)
    assert await add_up(store, "w", bookings(*range(90, 131)), known, RULES)
    assert await add_up(store, "w", bookings(5), known, RULES)
    assert await attempts(store) == 130
    assert known == {DAY: 130}


async def test_spools_and_days_do_not_stand_in_each_others_way(store: RedisStore) -> None:
    """Around midnight bookings of two days come mixed."""
    known: dict[str, int] = {}
    mixed = {**bookings(1, 3, 4), **bookings(2, 5, time=NOON + 86_400)}
    assert await add_up(store, "a", mixed, known, RULES)
    assert await add_up(store, "b", bookings(1), {}, RULES)
    assert (await attempts(store), await attempts(store, "2026-11-24")) == (4, 2)
    assert known == {DAY: 4, "2026-11-24": 5}


async def test_what_was_added_is_taken_out_and_what_was_not_stays(store: RedisStore) -> None:
    """So that a store that fails now and then is not given the same all over again."""
    known: dict[str, int] = {}
    left = bookings(*range(1, 120))
    assert await add_up(store, "w", left, known, RULES)
    assert left == {}


async def test_totals_that_lack_what_was_added_before_take_nothing_new(store: RedisStore) -> None:
    """G-03, G-06: the store went back to an earlier moment."""
    known: dict[str, int] = {}
    assert await add_up(store, "w", bookings(1, 2), known, RULES)
    saved = await store.run("DUMP", names.totals_day(DAY))
    assert await add_up(store, "w", bookings(3, 4), known, RULES)
    await store.run("RESTORE", names.totals_day(DAY), 0, saved, "REPLACE")

    assert not await add_up(store, "w", bookings(5), known, RULES)
    assert await attempts(store) == 2

    assert await add_up(store, "w", bookings(1, 2, 3, 4, 5), known, RULES, force=True)
    assert await attempts(store) == 5
    assert await store.run("HGET", names.totals_day(DAY), mark_field("w")) == b"5"
    assert await add_up(store, "w", bookings(6), known, RULES)
