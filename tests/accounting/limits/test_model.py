"""G-25: any order of admissions, bookings, ends and lost requests agrees with a simple reference.

The reference keeps a list of holds and adds up; it knows neither leases in sorted sets nor hashes,
and reckons its windows by itself.
"""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import Struct

from gateway.accounting.day_totals import DEFAULT_RULES
from gateway.accounting.limits.counters import EVERYONE, EVERYONES_SLOT, USER, counters_of
from gateway.accounting.limits.gate import Admission, release
from gateway.accounting.limits.reserve import Reservation
from gateway.accounting.limits.slots import read_standings
from gateway.accounting.limits.windows import windows_at
from gateway.accounting.spool.apply import apply_rows
from gateway.accounting.spool.frames import Closed
from gateway.accounting.totals import add_up
from gateway.errors import BudgetSpent, RateLimited
from gateway.store.client import RedisStore, connect
from gateway.store.embedded import EmbeddedStore
from gateway.types.limits import LimitSet
from tests.accounting.limits.scene import (
    FUTURE,
    LEASE_S,
    TimedStore,
    add_user,
    gate_of,
    row_of,
    wanted,
)

USERS = ("u", "v")
EVERYONES = LimitSet(40, 5_000, 6, Decimal("0.00004"), Decimal("0.0001"))
LIMITS = {
    USER: LimitSet(6, 1_500, 4, Decimal("0.00001"), Decimal("0.00003")),
    "token:t": LimitSet(concurrent=2, cost_per_day_usd=Decimal("0.000008")),
    "feature:f": LimitSet(tokens_per_minute=800),
}
SUBJECTS = st.sets(st.sampled_from(["token:t", "feature:f"]))


class Held(Struct):
    """A request that was let in, as the reference knows it."""

    admission: Admission
    time: float
    subjects: tuple[str, ...]
    tokens: int
    cost: int

    @property
    def id(self) -> str:
        return self.admission.wanted.request_id

    @property
    def user(self) -> str:
        return self.admission.wanted.user_id


def window(measure: str, now: float) -> Any:
    """The reference's own idea of windows."""
    if measure in ("requests", "tokens"):
        return int(now) // 60
    if measure == "concurrent":
        return None
    day = datetime.fromtimestamp(now, UTC)
    return day.strftime("%Y-%m-%d") if measure == "cost_day" else day.strftime("%Y-%m")


class LimitsMachine(RuleBasedStateMachine):
    """Plays against a real store at a time of its own."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.real: RedisStore = self.runner.run(connect(self.url, timeout_s=5.0))
        self.store = TimedStore(self.real, FUTURE + 20)
        self.gate = gate_of(self.store)
        self.used: dict[tuple[Any, ...], int] = {}
        self.holds: list[Held] = []
        self.dropped: set[tuple[str, str]] = set()  # (slot, hold): no longer held there
        self.number = 0
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        await self.real.run("FLUSHALL")
        for user in USERS:
            await add_user(self.real, user)

    def teardown(self) -> None:
        self.runner.run(self.real.aclose())
        self.runner.close()

    @rule(
        user=st.sampled_from(USERS),
        more=SUBJECTS,
        tokens=st.integers(0, 800),
        cost=st.integers(0, 8_000),
    )
    def admit(self, user: str, more: set[str], tokens: int, cost: int) -> None:
        """A request comes; the reference says first whether there is room."""
        self.number += 1
        limits = {name: LIMITS[name] for name in (USER, *sorted(more))}
        asked = wanted(
            f"r{self.number}", limits, user=user, everyone=EVERYONES, tokens=tokens, cost=cost
        )
        self._sweep(user)
        room = self._has_room(user, limits, tokens, cost)
        if room:
            self._sweep(EVERYONES_SLOT)
            room = self._has_room(EVERYONES_SLOT, {EVERYONE: EVERYONES}, tokens, cost)
        try:
            admission = self.runner.run(self.gate.admit(asked))
        except (RateLimited, BudgetSpent):
            assert not room
            return
        assert room
        assert isinstance(admission, Admission)
        held = Held(admission, self.store.now, tuple(limits), tokens, cost)
        self.holds.append(held)
        for slot, subject in self._places(held):
            if "requests_per_minute" in _given(subject):
                self._add(slot, subject, "requests", held.time, 1)

    @precondition(lambda self: self.holds)
    @rule(
        data=st.data(),
        cost=st.integers(0, 20_000),
        tokens=st.integers(0, 1_500),
        twice=st.booleans(),
    )
    def book(self, data: st.DataObject, cost: int, tokens: int, twice: bool) -> None:
        """An attempt ends and is booked, perhaps two times over."""
        held = data.draw(st.sampled_from(self.holds))
        self.number += 1
        asked = held.admission.wanted
        row = row_of(asked, cost=cost, tokens=tokens, attempt=self.number)
        closed = Closed(self.number, 0, row, 0, held.admission.tally)
        for _ in range(1 + twice):
            self.runner.run(self._apply(closed))
        for slot, subject in self._places(held):
            if subject in (USER, EVERYONE) or "cost_per_day_usd" in _given(subject):
                self._add(slot, subject, "cost_day", held.time, cost)
                self._add(slot, subject, "cost_month", held.time, cost)
            if "tokens_per_minute" in _given(subject):
                self._add(slot, subject, "tokens", held.time, tokens)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A request ends; its hold may be long gone."""
        held = data.draw(st.sampled_from(self.holds))
        self.runner.run(release(self.store, held.user, held.id, held.admission.tally))
        self.holds.remove(held)
        self.dropped |= {(held.user, held.id), (EVERYONES_SLOT, held.id)}

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """A request is taken back whole, where it is still held."""
        held = data.draw(st.sampled_from(self.holds))
        self.runner.run(self.gate.undo(held.admission))
        for slot, subject in self._places(held):
            if (slot, held.id) in self.dropped or "requests_per_minute" not in _given(subject):
                continue
            self._add(slot, subject, "requests", held.time, -1)
        self.holds.remove(held)
        self.dropped |= {(held.user, held.id), (EVERYONES_SLOT, held.id)}

    @rule(seconds=st.sampled_from([1, 20, 61, 5_000, 40_000, 700_000]))
    def pass_time(self, seconds: int) -> None:
        """Minutes, days and months go by, and leases end."""
        self.store.now += seconds

    @invariant()
    def agrees(self) -> None:
        """Every counter of the moment is as the reference adds it up."""
        windows = windows_at(self.store.now, UTC)
        for slot in (*USERS, EVERYONES_SLOT):
            limits = LIMITS if slot else {EVERYONE: EVERYONES}
            counters = counters_of(limits, Reservation(0, 0), windows)
            for each in self.runner.run(read_standings(self.real, slot, counters)):
                counter = each.counter
                place = (slot, counter.subject, counter.measure.value)
                assert each.used == self._used(*place), place
                assert each.held == self._held(*place), place

    async def _apply(self, closed: Closed) -> None:
        await apply_rows(self.store, "w", [closed], now=self.store.now)
        await add_up(self.store, "w", {closed.seq: closed}, {}, DEFAULT_RULES, force=True)

    def _places(self, held: Held) -> list[tuple[str, str]]:
        return [(held.user, subject) for subject in held.subjects] + [(EVERYONES_SLOT, EVERYONE)]

    def _sweep(self, slot: str) -> None:
        for held in self.holds:
            if slot in (held.user, EVERYONES_SLOT) and self.store.now >= held.time + LEASE_S:
                self.dropped.add((slot, held.id))

    def _has_room(self, slot: str, limits: dict[str, LimitSet], tokens: int, cost: int) -> bool:
        wants = {"requests": 1, "tokens": tokens, "concurrent": 1}
        wants |= {"cost_day": cost, "cost_month": cost}
        for subject, limit_set in limits.items():
            for name, most in _given(subject, limit_set).items():
                measure = _MEASURES[name]
                there = self._used(slot, subject, measure) + self._held(slot, subject, measure)
                if there + wants[measure] > most:
                    return False
        return True

    def _used(self, slot: str, subject: str, measure: str) -> int:
        return self.used.get((slot, subject, measure, window(measure, self.store.now)), 0)

    def _held(self, slot: str, subject: str, measure: str) -> int:
        if measure == "requests":
            return 0
        total = 0
        for held in self.holds:
            if (slot, subject) not in self._places(held) or (slot, held.id) in self.dropped:
                continue
            if window(measure, held.time) == window(measure, self.store.now):
                amounts = {"tokens": held.tokens, "concurrent": 1}
                total += amounts.get(measure, held.cost)
        return total

    def _add(self, slot: str, subject: str, measure: str, time: float, amount: int) -> None:
        key = (slot, subject, measure, window(measure, time))
        self.used[key] = self.used.get(key, 0) + amount


_MEASURES = {
    "requests_per_minute": "requests",
    "tokens_per_minute": "tokens",
    "concurrent": "concurrent",
    "cost_per_day_usd": "cost_day",
    "cost_per_month_usd": "cost_month",
}


def _given(subject: str, limit_set: LimitSet | None = None) -> dict[str, int]:
    """The limits of a subject that there are, dollars as nano-dollars."""
    chosen = limit_set or (EVERYONES if subject == EVERYONE else LIMITS[subject])
    return {
        name: int(value * 10**9) if name.startswith("cost") else value
        for name in LimitSet.__struct_fields__
        if (value := getattr(chosen, name)) is not None
    }


def test_g25_any_order_of_events_agrees_with_the_reference(redis_server: EmbeddedStore) -> None:
    machine: Any = type("OneMachine", (LimitsMachine,), {"url": redis_server.url})
    runner = machine.TestCase
    runner.settings = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    runner().runTest()
