"""Which scope, kinds and days a request gets: everybody's ceilings, include, date_range."""

from datetime import date
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gateway.config.kinds import BUILTIN_KINDS
from gateway.context.scopes import ScopeRules
from gateway.context.select import Selection, select
from gateway.errors import ContextNotAllowed, InvalidRequest
from gateway.types.account import ContextPreference, Preferences, Scope
from gateway.types.context import Dating, Kind
from gateway.wire.options import DateRange
from tests.context.people import rules

TODAY = date(2026, 11, 23)  # a Monday
NONE, MINIMAL, STANDARD, ALL = Scope.NONE, Scope.MINIMAL, Scope.STANDARD, Scope.COMPREHENSIVE
SCOPES = tuple(Scope)
KINDS = MappingProxyType(
    {
        **BUILTIN_KINDS,
        "orders": Kind("orders", "Orders", Dating.DAY, windows={STANDARD: 30, ALL: None}),
        "notes": Kind("notes", "Notes", Dating.NONE, windows={ALL: None}),
        "hidden": Kind("hidden", "Hidden", Dating.NONE),
    }
)


def chosen(given_rules: ScopeRules, **others: Any) -> Selection:
    return select(given_rules, KINDS, today=TODAY, **others)


def days_of(selection: Selection, kind: str) -> tuple[str, str]:
    window = selection.shown[kind].window
    assert window is not None
    return window[0].isoformat(), window[1].isoformat()


def preferring(**members: Any) -> Preferences:
    return Preferences(**members)


@pytest.mark.parametrize(
    ("scope", "kinds"),
    [
        (NONE, []),
        (MINIMAL, ["profile", "date"]),
        (STANDARD, ["profile", "date", "pillars", "feels", "entries", "orders"]),
        (ALL, [kind for kind in KINDS if kind != "hidden"]),
    ],
)
def test_a_scope_shows_its_kinds_in_the_order_of_the_table(scope: Scope, kinds: list[str]) -> None:
    selection = chosen(rules(scope))
    assert selection.scope is scope
    assert list(selection.shown) == kinds
    assert selection.warnings == ()


@pytest.mark.parametrize(
    ("requested", "preferred", "ceilings", "expected"),
    [
        (None, None, {}, MINIMAL),
        (None, STANDARD, {}, STANDARD),
        (None, NONE, {}, NONE),
        (NONE, STANDARD, {}, NONE),
        (ALL, MINIMAL, {}, ALL),
        (None, ALL, {"token": MINIMAL}, MINIMAL),
        (None, None, {"user": NONE}, NONE),
        (STANDARD, None, {"user": STANDARD, "token": None}, STANDARD),
    ],
)
def test_the_scope_is_the_requests_else_the_users_else_the_operators(
    requested: Scope | None,
    preferred: Scope | None,
    ceilings: dict[str, Scope | None],
    expected: Scope,
) -> None:
    preferences = preferring(context=ContextPreference(scope=preferred))
    said = rules(requested, preferences=preferences, ceilings=ceilings)
    assert chosen(said).scope is expected


@pytest.mark.parametrize(
    ("others", "whose"),
    [
        ({"ceilings": {"token": MINIMAL, "operator": ALL}}, "the token's ceiling 'minimal'. Ask"),
        ({"ceilings": {"token": None, "user": NONE}}, "the user's ceiling 'none'"),
        ({"ceilings": {"operator": MINIMAL}}, "the operator's ceiling 'minimal'"),
        (
            {"preferences": preferring(context_policy={"openai": MINIMAL}), "provider": "openai"},
            "'minimal' that the user's context_policy sets for 'openai'.*PATCH /v1/me",
        ),
        (
            {"provider_ceilings": {"openai": NONE}, "provider": "openai"},
            "the operator's ceiling 'none' for 'openai'",
        ),
    ],
)
def test_asking_beyond_a_ceiling_is_refused_and_says_whose_it_is(
    others: dict[str, Any], whose: str
) -> None:
    with pytest.raises(ContextNotAllowed, match=whose) as raised:
        chosen(rules(STANDARD, **others))
    assert raised.value.param == "gateway.context.scope"
    assert raised.value.status == 403
    lowered = chosen(rules(STANDARD, lower=True, **others))
    assert len(lowered.warnings) == 1
    assert lowered.warnings[0].startswith("context scope lowered to '")


def test_another_providers_ceiling_does_not_matter() -> None:
    preferences = preferring(context_policy={"mistral": NONE})
    said = rules(ALL, preferences=preferences, provider="openai")
    assert chosen(said).scope is ALL
    assert chosen(said).under(said.ceiling_for("openai")).scope is ALL
    assert chosen(said).under(said.ceiling_for("mistral")).shown == {}


def test_a_preference_above_the_first_providers_ceiling_is_lowered_for_it_alone() -> None:
    preferences = preferring(
        context=ContextPreference(scope=ALL), context_policy={"openai": STANDARD}
    )
    said = rules(preferences=preferences, provider="openai", provider_ceilings={"local": None})
    selection = chosen(said)
    assert selection.under(said.ceiling_for("openai")).scope is STANDARD
    assert selection.under(said.ceiling_for("local")).scope is ALL


def test_include_adds_a_kind_with_the_window_of_the_lowest_scope_that_has_it() -> None:
    selection = chosen(rules(MINIMAL, include={"entries": True, "orders": True, "notes": True}))
    assert selection.scope is MINIMAL
    assert list(selection.shown) == ["profile", "date", "entries", "orders", "notes"]
    assert days_of(selection, "entries") == ("2026-11-17", "2026-11-23")
    assert days_of(selection, "orders") == ("2026-10-25", "2026-11-23")


def test_include_leaves_a_kind_out_and_with_it_what_is_made_of_it() -> None:
    selection = chosen(rules(ALL, include={"feels": False, "profile": False, "notes": True}))
    assert "feels" not in selection.shown
    assert "profile" not in selection.shown
    assert set(selection.sources) == {"pillars", "habits", "entries"}


@pytest.mark.parametrize("lower", [False, True])
def test_including_a_kind_above_a_ceiling_is_refused_or_left_out(lower: bool) -> None:
    said = rules(
        MINIMAL, include={"habits": True}, ceilings={"token": STANDARD, "user": ALL}, lower=lower
    )
    if not lower:
        with pytest.raises(ContextNotAllowed, match="above the token's ceiling 'standard'") as no:
            chosen(said)
        assert no.value.param == "gateway.context.include.habits"
        return
    selection = chosen(said)
    assert list(selection.shown) == ["profile", "date"]
    assert selection.warnings == (
        "context kind 'habits' left out: above the token's ceiling 'standard'",
    )


def test_the_providers_ceiling_holds_for_included_kinds_too() -> None:
    said = rules(MINIMAL, include={"entries": True}, provider="a", provider_ceilings={"a": MINIMAL})
    with pytest.raises(ContextNotAllowed, match="the operator's ceiling 'minimal' for 'a'"):
        chosen(said)


@pytest.mark.parametrize("kind", ["hidden", "entries"])
def test_what_no_scope_shows_cannot_be_included(kind: str) -> None:
    kinds = {**KINDS, "entries": Kind("entries", "Journal", Dating.DAY)}
    with pytest.raises(ContextNotAllowed) as raised:
        select(rules(ALL, include={kind: True}, ceilings={}), kinds, today=TODAY)
    assert raised.value.param == f"gateway.context.include.{kind}"


@pytest.mark.parametrize("wanted", [True, False])
def test_an_unknown_kind_is_refused_whether_wanted_or_not(wanted: bool) -> None:
    with pytest.raises(
        InvalidRequest, match=r"no context kind 'dreams'\. There are: profile, "
    ) as no:
        chosen(rules(MINIMAL, include={"dreams": wanted}))
    assert no.value.param == "gateway.context.include.dreams"


def test_scope_none_sends_nothing_whatever_is_included() -> None:
    with pytest.raises(InvalidRequest, match="Scope 'none' sends nothing") as raised:
        chosen(rules(NONE, include={"entries": True}))
    assert raised.value.param == "gateway.context.include.entries"
    assert chosen(rules(NONE, include={"entries": False})).shown == {}


def test_what_the_user_has_switched_off_stays_off() -> None:
    preferences = preferring(context=ContextPreference(off=("entries", "gone", "patterns")))
    selection = chosen(rules(ALL, preferences=preferences))
    assert "entries" not in selection.windows()
    assert "patterns" not in selection.shown
    assert selection.sources.keys() == {"feels"}, "the recaps, without the entries"
    for lower in (True, False):
        asked = rules(MINIMAL, preferences=preferences, include={"entries": True}, lower=lower)
        with pytest.raises(ContextNotAllowed, match="switched 'entries' off") as raised:
            chosen(asked)
        assert raised.value.param == "gateway.context.include.entries"


@pytest.mark.parametrize(
    ("start", "end", "feels", "habits", "recaps"),
    [
        (None, None, ("17", "23"), ("2026-09-01", "2026-11-23"), ("2026-09-01", "2026-11-23")),
        # The end is in the future: it is today.
        (None, "2027-01-01", ("17", "23"), ("2026-09-01", "2026-11-23"), None),
        ("2026-11-20", None, ("20", "23"), ("2026-11-20", "2026-11-23"), None),
        # Moved: the last days of the range, never more than the window.
        ("2026-01-01", "2026-11-10", ("04", "10"), ("2026-08-19", "2026-11-10"), None),
        # A Wednesday to a Friday: the recap of their week stands under its Monday.
        ("2026-11-11", "2026-11-13", ("11", "13"), None, ("2026-11-09", "2026-11-13")),
        ("2026-11-12", "2026-11-12", ("12", "12"), None, ("2026-11-09", "2026-11-12")),
        (None, "2026-11-22", ("16", "22"), ("2026-08-31", "2026-11-22"), None),
    ],
)
def test_a_date_range_narrows_or_moves_each_window(
    start: str | None,
    end: str | None,
    feels: tuple[str, str],
    habits: tuple[str, str] | None,
    recaps: tuple[str, str] | None,
) -> None:
    asked = DateRange(
        date.fromisoformat(start) if start else None, date.fromisoformat(end) if end else None
    )
    selection = chosen(rules(ALL, date_range=asked))
    assert days_of(selection, "feels") == (f"2026-11-{feels[0]}", f"2026-11-{feels[1]}")
    if habits:
        assert days_of(selection, "habits") == days_of(selection, "patterns") == habits
    if recaps:
        assert days_of(selection, "weekly_recaps") == recaps
    assert selection.shown["pillars"].window is None
    assert selection.shown["date"].window is None


def test_without_a_range_there_are_twelve_mondays_whatever_day_it_is() -> None:
    for ordinal in range(TODAY.toordinal(), TODAY.toordinal() + 14):
        today = date.fromordinal(ordinal)
        shown = select(rules(ALL), KINDS, today=today).shown["weekly_recaps"].window
        assert shown is not None
        days = range(shown[0].toordinal(), shown[1].toordinal() + 1)
        assert sum(date.fromordinal(day).weekday() == 0 for day in days) == 12


def test_a_range_that_has_not_begun_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="future") as raised:
        chosen(rules(MINIMAL, date_range=DateRange(date(2026, 11, 24), None)))
    assert raised.value.param == "gateway.context.date_range.start"
    assert chosen(rules(MINIMAL, date_range=DateRange(TODAY, None))).scope is MINIMAL


def test_a_kind_that_looks_back_for_ever_takes_the_range() -> None:
    assert days_of(chosen(rules(ALL)), "orders") == ("0001-01-01", "2026-11-23")
    asked = DateRange(date(2020, 1, 1), date(2020, 12, 31))
    assert days_of(chosen(rules(ALL, date_range=asked)), "orders") == ("2020-01-01", "2020-12-31")


def test_days_at_the_edge_of_the_calendar_are_days_too() -> None:
    selection = chosen(rules(ALL, date_range=DateRange(date.min, date.min)))
    assert days_of(selection, "habits") == ("0001-01-01", "0001-01-01")
    assert days_of(selection, "weekly_recaps") == ("0001-01-01", "0001-01-01")


def test_what_is_not_kept_any_more_is_not_read() -> None:
    oldest = {"feels": date(2026, 11, 20), "habits": date(2026, 11, 23), "entries": TODAY}
    selection = chosen(rules(ALL), oldest=oldest)
    assert days_of(selection, "feels") == ("2026-11-20", "2026-11-23")
    assert selection.windows()["habits"] == (TODAY, TODAY)
    assert selection.sources["feels"] == (date(2026, 11, 20), TODAY)
    before = chosen(rules(ALL, date_range=DateRange(None, date(2026, 11, 1))), oldest=oldest)
    assert "feels" not in before.windows()


def test_windows_hold_what_patterns_and_recaps_are_made_of() -> None:
    twelve_weeks, week = (date(2026, 9, 1), TODAY), (date(2026, 11, 17), TODAY)
    windows = chosen(rules(ALL)).windows()
    assert windows["feels"] == windows["entries"] == windows["habits"] == twelve_weeks
    assert windows["pillars"] is None
    assert windows["profile"] is None
    assert "patterns" not in windows
    assert "date" not in windows
    selection = chosen(rules(ALL))
    assert selection.shown["feels"].window == selection.shown["entries"].window == week
    assert chosen(rules(STANDARD)).windows()["feels"] == week
    alone = chosen(rules(MINIMAL, include={"patterns": True}))
    assert set(alone.windows()) == {"profile", "pillars", "feels", "habits"}


def test_a_fallback_sees_what_it_may_and_the_client_is_told() -> None:
    selection = chosen(rules(ALL, include={"entries": False}))
    lower = selection.under(STANDARD)
    assert lower.scope is STANDARD
    assert list(lower.shown) == ["profile", "date", "pillars", "feels", "orders"]
    assert lower.sources == {}
    assert selection.warning_for(lower, "b") == "context scope lowered to 'standard' for b"
    assert selection.warning_for(selection.under(ALL), "b") is None
    assert selection.under(None) is selection
    assert selection.under(NONE).shown == {}


def test_an_included_kind_does_not_reach_a_fallback_that_may_not_see_it() -> None:
    selection = chosen(rules(MINIMAL, include={"entries": True, "feels": True}))
    lower = selection.under(MINIMAL)
    assert list(lower.shown) == ["profile", "date"]
    assert lower.scope is selection.scope
    assert selection.warning_for(lower, "b") == "context without feels, entries for b"


@given(
    ceiling=st.sampled_from(SCOPES),
    requested=st.none() | st.sampled_from(SCOPES),
    preferred=st.none() | st.sampled_from(SCOPES),
    operator=st.none() | st.sampled_from(SCOPES),
    include=st.dictionaries(st.sampled_from([*KINDS]), st.booleans(), max_size=4),
    off=st.lists(st.sampled_from([*KINDS]), max_size=2),
    lower=st.booleans(),
)
def test_nothing_above_the_ceilings_or_switched_off_is_ever_read_or_shown(
    ceiling: Scope,
    requested: Scope | None,
    preferred: Scope | None,
    operator: Scope | None,
    include: dict[str, bool],
    off: list[str],
    lower: bool,
) -> None:
    preferences = preferring(context=ContextPreference(scope=preferred, off=tuple(off)))
    said = rules(
        requested,
        preferences=preferences,
        ceilings={"operator": operator},
        include=include,
        lower=lower,
    )
    try:
        selection = chosen(said)
    except (ContextNotAllowed, InvalidRequest):
        return
    highest = ALL if operator is None else operator
    for seen, top in (
        (selection, highest),
        (selection.under(ceiling), min(ceiling, highest, key=lambda scope: scope.rank)),
    ):
        assert seen.scope.rank <= top.rank
        for name in {*seen.shown, *seen.windows(), *seen.sources}:
            lowest = KINDS[name].lowest_scope
            assert lowest is not None
            assert lowest.rank <= top.rank
            assert name not in off
            assert include.get(name, True)
        assert list(seen.shown) == [name for name in KINDS if name in seen.shown]
    assert set(selection.under(ceiling).windows()) <= set(selection.windows())
