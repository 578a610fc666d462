"""Decides what of the user's context a request sends: the scope, the kinds, and their days. Pure.

`select` answers the request once. `Selection.windows` says what has to be read for it, and
`Selection.under` what of it one provider may see: a fallback may be allowed less.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.context.scopes import SCOPE_PARAM, Ceiling, ScopeRules, refuse_above
from gateway.context.sealed import Window
from gateway.errors import ContextNotAllowed, InvalidRequest
from gateway.types.account import Scope, lower_scope
from gateway.types.context import Dating, Kind
from gateway.wire.options import DateRange

INCLUDE_PARAM: Final = "gateway.context.include"
START_PARAM: Final = "gateway.context.date_range.start"

MADE_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"patterns": ("pillars", "feels", "habits"), "weekly_recaps": ("entries", "feels")}
)
"""The kinds whose records another kind is computed from, over that other kind's window."""

NOTHING_OLD: Final[Mapping[str, date]] = MappingProxyType({})


class Shown(Struct, frozen=True):
    """A kind that goes into the block, and which of its days."""

    kind: Kind
    window: Window


class Days(Struct, frozen=True):
    """What day it is for the user, the days that the request asks for, and the oldest kept."""

    today: date
    wanted: DateRange
    oldest: Mapping[str, date]


class Wishes(Struct, frozen=True):
    """What a selection is made from, kept so that it can be made again under a lower ceiling.

    `scope` is the highest it may become, `ceiling` the one that included kinds stand under.
    """

    scope: Scope
    ceiling: Scope | None
    on: frozenset[str]
    off: frozenset[str]
    kinds: Mapping[str, Kind]
    days: Days


class Selection(Struct, frozen=True):
    """What of the user's context may be sent.

    `shown` is in the order of rendering. `sources` are the kinds to compute others from, with the
    days needed; their records are not shown for that. `warnings` tell what was lowered or left out.
    """

    scope: Scope
    shown: Mapping[str, Shown]
    sources: Mapping[str, Window]
    wishes: Wishes
    warnings: tuple[str, ...] = ()

    def windows(self) -> dict[str, Window]:
        """Return the stored kinds to read, with the days: what is shown and what is computed from."""
        found = {name: one.window for name, one in self.shown.items() if one.kind.stored}
        for name, window in self.sources.items():
            found[name] = _around(found[name], window) if name in found else window
        return found

    def under(self, ceiling: Scope | None) -> "Selection":
        """Return what a provider with this ceiling may see of the selection: itself, or less."""
        if ceiling is None:
            return self
        return replace(_choose(self.wishes, ceiling), warnings=self.warnings)

    def warning_for(self, seen: "Selection", provider: str) -> str | None:
        """Return what to tell the client where a fallback sees less than this, else None."""
        if seen.scope is not self.scope:
            return f"context scope lowered to '{seen.scope.value}' for {provider}"
        missing = [name for name in self.shown if name not in seen.shown]
        return f"context without {', '.join(missing)} for {provider}" if missing else None


def select(
    rules: ScopeRules,
    kinds: Mapping[str, Kind],
    *,
    today: date,
    oldest: Mapping[str, date] = NOTHING_OLD,
) -> Selection:
    """Resolve scope, kinds and days of one request.

    `today` is the user's; `oldest` is, by kind, the oldest day that is kept (`keeping.py`). Raises ContextNotAllowed (403) for a scope or a kind above a ceiling, and
    for a kind that the user has switched off; InvalidRequest (400) for an unknown kind, and for
    days that have not come yet. `param` names the member.
    """
    start = rules.date_range.start if rules.date_range else None
    if start is not None and start > today:
        raise InvalidRequest(
            f"'{START_PARAM}' lies in the future, in the user's time zone.", param=START_PARAM
        )
    lowest = rules.lowest_ceiling()
    scope, warnings = _scope(rules, lowest)
    on, told = _switched_on(rules, kinds, scope, lowest)
    off = {name for name, wanted in rules.include.items() if not wanted}
    wishes = Wishes(
        scope=scope,
        ceiling=lower_scope(*rules.ceilings.values()),
        on=frozenset(on),
        off=frozenset(off.union(rules.preferences.context.off)),
        kinds=kinds,
        days=Days(today, rules.date_range or DateRange(), oldest),
    )
    return replace(_choose(wishes, None), warnings=(*warnings, *told))


def _scope(rules: ScopeRules, lowest: Ceiling | None) -> tuple[Scope, list[str]]:
    """Return the scope before any provider's ceiling; explicit wishes are held to those too."""
    warnings = []
    requested = rules.requested
    if requested is not None and lowest is not None and requested.rank > lowest.scope.rank:
        if not rules.lower:
            refuse_above(requested, lowest)
        warnings.append(f"context scope lowered to '{lowest.scope.value}': {lowest.words}")
    wanted = requested or rules.preferences.context.scope or rules.default
    return lower_scope(wanted, *rules.ceilings.values()) or wanted, warnings


def _switched_on(
    rules: ScopeRules, kinds: Mapping[str, Kind], scope: Scope, lowest: Ceiling | None
) -> tuple[list[str], list[str]]:
    """Return the kinds that the request asks for by name, and warnings for those it cannot have."""
    on, warnings = [], []
    for name, wanted in rules.include.items():
        param = f"{INCLUDE_PARAM}.{name}"
        kind = kinds.get(name)
        if kind is None:
            raise InvalidRequest(
                f"There is no context kind '{name}'. There are: {', '.join(kinds)}.", param=param
            )
        if not wanted:
            continue
        if name in rules.preferences.context.off:
            raise ContextNotAllowed(
                f"The user has switched '{name}' off; only they can switch it on again, with "
                "PATCH /v1/me (context.off).",
                param=param,
            )
        if not _allowed(kind, lowest.scope if lowest else None):
            words = lowest.words if lowest else "every scope"
            if not rules.lower:
                raise ContextNotAllowed(
                    f"Context kind '{name}' is above {words}. Leave it out of 'include'.",
                    param=param,
                )
            warnings.append(f"context kind '{name}' left out: above {words}")
        elif scope is Scope.NONE:
            raise InvalidRequest(
                f"Scope 'none' sends nothing, so '{name}' cannot be included. Ask for a scope "
                f"too: '{SCOPE_PARAM}'.",
                param=param,
            )
        else:
            on.append(name)
    return on, warnings


def _choose(wishes: Wishes, ceiling: Scope | None) -> Selection:
    """Make the selection under one more ceiling. Nobody is refused anything here."""
    scope = lower_scope(wishes.scope, ceiling) or wishes.scope
    limit = lower_scope(wishes.ceiling, ceiling)
    shown = dict(_shown(wishes, scope, limit))
    sources: dict[str, Window] = {}
    for name, one in shown.items():
        for source, window in _sources(wishes, name, one.window, limit):
            sources[source] = _around(sources[source], window) if source in sources else window
    return Selection(scope, shown, sources, wishes)


def _shown(wishes: Wishes, scope: Scope, limit: Scope | None) -> Iterator[tuple[str, Shown]]:
    if scope is Scope.NONE:
        return
    for name, kind in wishes.kinds.items():
        at: Scope | None = scope
        if scope not in kind.windows:
            at = kind.lowest_scope if name in wishes.on and _allowed(kind, limit) else None
        if at is None or name in wishes.off:
            continue
        found = _window(kind, kind.windows[at], wishes.days)
        if not _empty(found):
            yield name, Shown(kind, found)


def _sources(
    wishes: Wishes, name: str, window: Window, limit: Scope | None
) -> Iterator[tuple[str, Window]]:
    """Find what a kind is computed from: only what this provider might be shown by itself."""
    for source in MADE_OF.get(name, ()):
        kind = wishes.kinds.get(source)
        if kind is None or source in wishes.off or not _allowed(kind, limit):
            continue
        found = _retained(kind, window, wishes.days) if kind.dated else None
        if not _empty(found):
            yield source, found


def _allowed(kind: Kind, limit: Scope | None) -> bool:
    """Whether a scope within the limit includes the kind."""
    lowest = kind.lowest_scope
    return lowest is not None and (limit is None or lowest.rank <= limit.rank)


def _window(kind: Kind, length: int | None, days: Days) -> Window:
    """Return the last `length` days of those asked for; None for a kind not in time."""
    if not kind.dated and length is None:
        return None
    wanted = days.wanted
    last = min(wanted.end or days.today, days.today)
    first = date.min if length is None else _earlier(last, length - 1)
    if wanted.start is not None:
        # A week has the day of its Monday: the week in which the range starts belongs to it.
        back = wanted.start.weekday() if kind.dating is Dating.WEEK else 0
        first = max(first, _earlier(wanted.start, back))
    return _retained(kind, (first, last), days)


def _retained(kind: Kind, window: Window, days: Days) -> Window:
    """Return the window without days that are not kept any more, though nobody has swept yet."""
    oldest = days.oldest.get(kind.name)
    if window is None or oldest is None:
        return window
    return max(window[0], oldest), window[1]


def _earlier(day: date, by: int) -> date:
    return date.fromordinal(max(1, day.toordinal() - by))


def _empty(window: Window) -> bool:
    return window is not None and window[0] > window[1]


def _around(one: Window, other: Window) -> Window:
    """Return the days that hold both."""
    if one is None or other is None:
        return None
    return min(one[0], other[0]), max(one[1], other[1])
