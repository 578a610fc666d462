"""What a block has room for: the oldest goes first, the profile never, and no room is wasted."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gateway.config.kinds import BUILTIN_KINDS
from gateway.context import layout
from gateway.context.budget import Fit, Line, computed_line, fit
from gateway.context.sealed import Sealed
from gateway.context.select import Selection, select
from gateway.types.account import Scope
from gateway.types.context import Dating, Kind
from tests.context.people import TODAY, ZONE, rules, select_all

NOTES = Kind("notes", "Notes", Dating.NONE, windows={Scope.COMPREHENSIVE: None})
KINDS = {**BUILTIN_KINDS, "notes": NOTES}
STAYING = ("profile", "date")
TIMELESS = ("pillars", "patterns", "notes")
EVERYTHING = select(rules(Scope.COMPREHENSIVE), KINDS, today=TODAY)
Stored = Mapping[str, Sequence[Sealed]]
Lines = Mapping[str, Sequence[Line]]


def sealed(name: str, back: int | None = None, tokens: int = 100) -> Sealed:
    day = 0 if back is None else (TODAY - timedelta(days=back)).toordinal()
    return Sealed(name, tokens, day, b"")


def fitted(
    stored: Stored,
    budget: int,
    lines: Lines | None = None,
    selection: Selection = EVERYTHING,
    **others: Any,
) -> Fit[Sealed]:
    return fit(selection, stored, lines or {}, timezone=ZONE, budget=budget, **others)


def names(room: Fit[Sealed]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind in room.records:
        found[kind] = {each.field for each in room.records[kind]}
        found[kind] |= {line.text for line in room.lines[kind]}
    return found


def cost(kept: Mapping[str, Sequence[Sealed | Line]], *, left_out: bool) -> int:
    """Add up what a block costs, the plain way."""
    total = layout.MOST_FRAME_TOKENS + layout.date_tokens(ZONE)
    total += layout.LEFT_OUT_TOKENS if left_out else 0
    for name, found in kept.items():
        kind = KINDS[name]
        if found:
            total += layout.heading_tokens(kind, EVERYTHING.shown[name].window)
            total += sum(each.tokens + layout.LINE_TOKENS for each in found)
        if kind.dated:
            total += layout.day_tokens(kind) * len({each.day for each in found})
    return total


def test_with_room_everything_stays() -> None:
    stored = {
        "profile": [sealed("p")],
        "pillars": [sealed("a")],
        "habits": [sealed("h1", 80), sealed("h2", 0)],
    }
    lines = {"patterns": [computed_line("Mood averaged 6 over 50 days.")]}
    exact = cost({**stored, **lines}, left_out=False)
    room = fitted(stored, exact, lines)
    assert room.dropped == {}
    assert room.total == exact
    assert names(room) == {
        "profile": {"p"}, "pillars": {"a"}, "habits": {"h1", "h2"},
        "patterns": {"Mood averaged 6 over 50 days."},
    }  # fmt: skip
    assert room.tokens.keys() == {"profile", "date", "pillars", "habits", "patterns"}
    assert sum(room.tokens.values()) == exact - layout.MOST_FRAME_TOKENS
    assert fitted(stored, exact - 1, lines).dropped == {"habits": 1}


def test_the_oldest_goes_first_across_kinds() -> None:
    stored = {
        "feels": [sealed("f", 3)],
        "entries": [sealed("e", 5)],
        "habits": [sealed("h-old", 70), sealed("h-new", 1)],
        "weekly_recaps": [sealed("w", 14)],
    }
    whole = cost(stored, left_out=False)
    gone: list[dict[str, int]] = []
    for budget in range(whole, 0, -10):
        dropped = dict(fitted(stored, budget).dropped)
        if not gone or dropped != gone[-1]:
            gone.append(dropped)
    assert gone == [
        {},
        {"habits": 1},
        {"habits": 1, "weekly_recaps": 1},
        {"entries": 1, "habits": 1, "weekly_recaps": 1},
        {"feels": 1, "entries": 1, "habits": 1, "weekly_recaps": 1},
        {"feels": 1, "entries": 1, "habits": 2, "weekly_recaps": 1},
    ]


def test_of_one_day_the_kind_rendered_last_goes_first() -> None:
    stored = {"habits": [sealed("h", 2)], "entries": [sealed("e", 2)], "feels": [sealed("f", 2)]}
    whole = cost(stored, left_out=False)
    assert fitted(stored, whole - 1).dropped == {"habits": 1}
    assert fitted(stored, whole - 150).dropped == {"entries": 1, "habits": 1}


def test_what_is_not_in_time_goes_last_and_from_its_end() -> None:
    stored = {
        "pillars": [sealed("b"), sealed("a")],
        "notes": [sealed("n")],
        "entries": [sealed("e", 0)],
    }
    lines = {"patterns": [Line("first", 100), Line("last", 100)]}
    whole = cost({**stored, **lines}, left_out=False)
    gone: list[dict[str, int]] = []
    kept: list[dict[str, set[str]]] = []
    for budget in range(whole, 0, -10):
        room = fitted(stored, budget, lines)
        if not gone or dict(room.dropped) != gone[-1]:
            gone.append(dict(room.dropped))
            kept.append(names(room))
    assert gone == [
        {},
        {"entries": 1},
        {"entries": 1, "notes": 1},
        {"entries": 1, "patterns": 1, "notes": 1},
        {"entries": 1, "patterns": 2, "notes": 1},
        {"pillars": 1, "entries": 1, "patterns": 2, "notes": 1},
        {"pillars": 2, "entries": 1, "patterns": 2, "notes": 1},
    ]
    assert kept[3]["patterns"] == {"first"}
    assert kept[5] == {"pillars": {"a"}}


def test_the_profile_and_the_date_stay_whatever_they_cost() -> None:
    stored = {"profile": [sealed("p", tokens=20_000)], "entries": [sealed("e", 0, tokens=1)]}
    room = fitted(stored, 50)
    assert names(room) == {"profile": {"p"}}
    assert room.tokens.keys() == {"profile", "date"}
    assert room.dropped == {"entries": 1}


def test_one_that_never_fits_does_not_take_the_others_with_it() -> None:
    stored = {
        "entries": [sealed("huge", 0, tokens=9_000), sealed("old", 6)],
        "pillars": [sealed("huge", tokens=9_000), sealed("small")],
    }
    room = fitted(stored, 1_000)
    assert names(room) == {"entries": {"old"}, "pillars": {"small"}}
    assert room.dropped == {"pillars": 1, "entries": 1}


def test_only_the_days_that_are_shown_count() -> None:
    stored = {
        "feels": [sealed("a", 6), sealed("b", 7), sealed("c", 50)],
        "orders": [sealed("x", 1)],
    }
    room = fitted(stored, 10_000)
    assert names(room) == {"feels": {"a"}}
    assert room.dropped == {}
    lower = fitted(stored, 10_000, selection=select_all(Scope.MINIMAL))
    assert names(lower) == {}


def test_records_that_were_not_even_read_are_told_of() -> None:
    stored = {"habits": [sealed("a", 1)], "feels": [sealed("f", 1), sealed("g", 60)]}
    room = fitted(stored, 10_000, unread={"habits": 7, "feels": 3, "entries": 0})
    # Of the feelings some that were read lie before the days shown: those not read do too.
    assert room.dropped == {"habits": 7}
    assert room.total == cost(
        {"habits": stored["habits"], "feels": stored["feels"][:1]}, left_out=True
    )


def test_derived_recaps_share_the_weeks_with_stored_ones() -> None:
    monday = date(2026, 11, 2)
    stored = {"weekly_recaps": [sealed("w", 14)]}
    lines = {"weekly_recaps": [computed_line("5 entries on 4 days.", monday)]}
    whole = cost(
        {"weekly_recaps": [*stored["weekly_recaps"], *lines["weekly_recaps"]]}, left_out=False
    )
    assert fitted(stored, whole, lines).dropped == {}
    room = fitted(stored, whole - 1, lines)
    assert names(room) == {"weekly_recaps": {"w"}}
    assert room.dropped == {"weekly_recaps": 1}


TOKENS = st.one_of(st.integers(0, 60), st.integers(0, 3_000))
IN_TIME = st.lists(st.tuples(st.integers(0, 90), TOKENS), max_size=8)
NOT_IN_TIME = st.lists(TOKENS, max_size=4)


@st.composite
def diaries(draw: st.DrawFn) -> tuple[dict[str, list[Sealed]], dict[str, list[Line]]]:
    stored = {
        kind: [sealed(f"{n:02}", back, tokens) for n, (back, tokens) in enumerate(draw(IN_TIME))]
        for kind in ("feels", "entries", "habits", "weekly_recaps")
    }
    for kind in ("pillars", "notes"):
        stored[kind] = [sealed(f"{n}", None, each) for n, each in enumerate(draw(NOT_IN_TIME))]
    stored["profile"] = [sealed("p", None, draw(TOKENS))]
    lines = {
        "patterns": [Line(f"{n}", each) for n, each in enumerate(draw(NOT_IN_TIME))],
        "weekly_recaps": [
            Line(f"r{n}", tokens, (TODAY - timedelta(days=7 * n)).toordinal())
            for n, tokens in enumerate(draw(st.lists(TOKENS, max_size=4)))
        ],
    }
    return stored, lines


@given(diaries(), st.integers(0, 6_000), st.randoms())
def test_a_budget_is_kept_and_used(
    diary: tuple[dict[str, list[Sealed]], dict[str, list[Line]]], budget: int, random: Any
) -> None:
    stored, lines = diary
    room = fitted(stored, budget, lines)
    kept: dict[str, list[Sealed | Line]] = {
        kind: [*room.records.get(kind, ()), *room.lines.get(kind, ())]
        for kind in {*room.records, *room.lines}
    }
    shown: dict[str, list[Sealed | Line]] = {
        kind: [
            each
            for each in (*stored.get(kind, ()), *lines.get(kind, ()))
            if not each.day or _in_window(kind, each.day)
        ]
        for kind in {*stored, *lines}
    }
    # Nothing is lost without being counted.
    for kind, found in shown.items():
        assert len(kept.get(kind, ())) + room.dropped.get(kind, 0) == len(found)
    assert room.total == cost(kept, left_out=bool(room.dropped))
    # The budget holds, but for what always stays.
    assert room.total <= budget or kept.keys() <= {"profile"}
    # Nothing goes while there is room for everything.
    if cost(shown, left_out=False) <= budget:
        assert not room.dropped
    left_out = {
        kind: [each for each in found if each not in kept.get(kind, ())]
        for kind, found in shown.items()
    }
    alone = {
        kind: [
            each
            for each in found
            if cost({"profile": stored["profile"], kind: [each]}, left_out=True) <= budget
        ]
        for kind, found in left_out.items()
    }
    # What is not in time only goes when nothing in time is left, and then from its end.
    timeless = next((kind for kind in TIMELESS if alone.get(kind)), None)
    if timeless is not None:
        assert not any(KINDS[kind].dated for kind in kept)
        behind = TIMELESS[TIMELESS.index(timeless) + 1 :]
        assert not any(kept.get(kind) for kind in behind)
        assert any(_overflows(kept, timeless, each, budget) for each in alone[timeless])
    # Else the newest of those in time that went, and could have stayed alone, has no room beside
    # what stayed; and none that stayed is older.
    gone = [(each, kind) for kind, found in alone.items() if KINDS[kind].dated for each in found]
    if gone and timeless is None:
        newest = max(each.day for each, _ in gone)
        stayed = [each.day for kind, found in kept.items() if KINDS[kind].dated for each in found]
        assert min(stayed, default=newest) >= newest
        assert any(
            _overflows(kept, kind, each, budget) for each, kind in gone if each.day == newest
        )
    # The order in which records come makes no difference.
    shuffled = {kind: random.sample(found, len(found)) for kind, found in stored.items()}
    assert names(fitted(shuffled, budget, lines)) == names(room)


def _overflows(
    kept: Mapping[str, Sequence[Sealed | Line]], kind: str, more: Sealed | Line, budget: int
) -> bool:
    return cost({**kept, kind: [*kept.get(kind, ()), more]}, left_out=True) > budget


def _in_window(kind: str, day: int) -> bool:
    window = EVERYTHING.shown[kind].window
    return window is None or window[0].toordinal() <= day <= window[1].toordinal()


@pytest.mark.parametrize("budget", [0, 1, 100, 10_000])
def test_nothing_at_all_is_nothing(budget: int) -> None:
    room = fitted({}, budget)
    assert names(room) == {}
    assert room.dropped == {}
    assert room.tokens == {"date": layout.date_tokens(ZONE)}
