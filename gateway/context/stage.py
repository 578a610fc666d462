"""The context stage of a request: decide and read once, then give each target what it may see.

    select (who may see what, of which days) → fetch (sealed, one round trip)
    for each target: narrow to its ceiling → compute patterns and recaps → fit the budget by sums
                     → open what is kept → render

Opened records live as long as the request and no longer.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from gateway.config.schema_context import Budgets
from gateway.context.budget import Line, computed_line, fit
from gateway.context.factors import token_factor
from gateway.context.keeping import oldest_days
from gateway.context.patterns.find import find_patterns
from gateway.context.patterns.lines import pattern_lines
from gateway.context.profile import is_timezone
from gateway.context.recaps import derive_recaps
from gateway.context.render import NO_CONTEXT, Block, Opened, render
from gateway.context.scopes import ScopeRules
from gateway.context.sealed import Sealed, Window
from gateway.context.select import Selection, select
from gateway.context.source import ContextSource, Fetched
from gateway.types.account import Scope
from gateway.types.context import Kind, Record

_PROFILE: Final = "profile"
_PATTERNS: Final = "patterns"
_RECAPS: Final = "weekly_recaps"
_EARLIEST_ZONE: Final = timezone(timedelta(hours=14))
_SPREAD_DAYS: Final = 2  # from the earliest time zone's today to the latest one's


class RequestContext:
    """What one request may send of its user's context, and the blocks made of it."""

    def __init__(self, source: ContextSource, fetched: Fetched, preferred_zone: str) -> None:
        """Raises RecordIntegrity if the profile does not open: it says what day it is."""
        self._source = source
        self._fetched = fetched
        self._opened: dict[str, dict[str, Record]] = {}
        self.zone = self._find_zone(preferred_zone)

    def block(self, selection: Selection, budget: int) -> Block:
        """Return the block of a selection, at most `budget` yardstick tokens long.

        Raises RecordIntegrity if a record that belongs into it does not open.
        """
        if not selection.shown:
            return Block("", selection.scope)
        room = fit(
            selection,
            self._fetched.sealed,
            self._computed(selection),
            timezone=self.zone,
            budget=budget,
            unread=self._fetched.left_out,
        )
        opened = Opened(self._open(room.records), selection.wishes.days.today, self.zone)
        return render(
            selection, room, opened, lambda body: self._source.mark(self._fetched.keys, body)
        )

    def _find_zone(self, preferred: str) -> str:
        """Return the user's time zone: the profile's, else the preference."""
        profile = self._open({_PROFILE: self._fetched.sealed.get(_PROFILE, ())})[_PROFILE]
        for zone in (*(record.fields.get("timezone") for record in profile), preferred):
            if isinstance(zone, str) and is_timezone(zone):
                return zone
        return "UTC"

    def _open(self, wanted: Mapping[str, Sequence[Sealed]]) -> dict[str, Sequence[Record]]:
        """Return records opened; each is opened once per request, all that are missing together."""
        missing = {}
        for kind, sealed in wanted.items():
            known = self._opened.setdefault(kind, {})
            missing[kind] = [each for each in sealed if each.field not in known]
        for kind, records in self._source.open_all(self._fetched.keys, missing).items():
            fields = (each.field for each in missing[kind])
            self._opened[kind].update(zip(fields, records, strict=True))
        return {
            kind: [self._opened[kind][each.field] for each in sealed]
            for kind, sealed in wanted.items()
        }

    def _computed(self, selection: Selection) -> dict[str, list[Line]]:
        """Return the lines of the kinds that are made of other kinds' records."""
        lines: dict[str, list[Line]] = {}
        for name, make in ((_PATTERNS, self._patterns), (_RECAPS, self._recaps)):
            shown = selection.shown.get(name)
            if shown is not None and shown.window is not None:
                lines[name] = make(selection, *shown.window)
        return lines

    def _patterns(self, selection: Selection, first: date, last: date) -> list[Line]:
        of = self._sources(selection, ("feels", "habits", "pillars"))
        found = find_patterns(
            feels=of["feels"], habits=of["habits"], pillars=of["pillars"], first=first, last=last
        )
        return [computed_line(text) for text in pattern_lines(found)]

    def _recaps(self, selection: Selection, first: date, last: date) -> list[Line]:
        written = {date.fromordinal(each.day) for each in self._fetched.sealed.get(_RECAPS, ())}
        of = self._sources(selection, ("entries", "feels"))
        recaps = derive_recaps(of["entries"], of["feels"], written, first, last)
        return [computed_line(recap.text, recap.monday) for recap in recaps]

    def _sources(self, selection: Selection, kinds: Iterable[str]) -> dict[str, Sequence[Record]]:
        """Return the records to compute from: only of kinds, and days, that this target may see."""
        wanted = {
            kind: _within(self._fetched.sealed.get(kind, ()), selection.sources[kind])
            if kind in selection.sources
            else ()
            for kind in kinds
        }
        return self._open(wanted)


class TargetBlocks:
    """The blocks of one request by target: a fallback may be allowed less, or count otherwise."""

    def __init__(
        self,
        context: RequestContext | None,
        selection: Selection,
        rules: ScopeRules,
        budgets: Budgets,
    ) -> None:
        self.selection = selection
        self._context = context
        self._rules = rules
        self._budgets = budgets
        self._made: dict[tuple[Scope | None, float], Block] = {}

    def block_for(self, provider: str, kind: str, model: str) -> tuple[Block, str | None]:
        """Return the block for a target, and a warning where it sees less than was asked for.

        `provider` is the target's name, `kind` its wire format. Raises RecordIntegrity.
        """
        if self._context is None:
            return NO_CONTEXT, None
        whole = self.selection
        ceiling = self._rules.ceiling_for(provider)
        factor = token_factor(kind, model)
        seen = whole.under(ceiling)
        if (ceiling, factor) not in self._made:
            budget = int(self._budgets.of(seen.scope) / factor)
            self._made[ceiling, factor] = self._context.block(seen, budget)
        block = self._made[ceiling, factor]
        return block, whole.warning_for(seen, provider)


async def load_context(
    source: ContextSource,
    user_id: str,
    rules: ScopeRules,
    kinds: Mapping[str, Kind],
    budgets: Budgets,
    now: float,
) -> TargetBlocks:
    """Decide what may be sent and read it; nothing is read for scope none.

    `now` is wall-clock. Raises ContextNotAllowed, InvalidRequest, StoreAway, RecordIntegrity.
    """
    # What day it is depends on the profile, which is read with the rest: so a little more is read.
    oldest = oldest_days(kinds, now)
    latest = datetime.fromtimestamp(now, _EARLIEST_ZONE).date()
    first = select(rules, kinds, today=latest, oldest=oldest)
    if first.scope is Scope.NONE:
        return TargetBlocks(None, first, rules, budgets)
    windows = {name: _widened(window) for name, window in first.windows().items()}
    fetched = await source.fetch(user_id, {_PROFILE: None, **windows})
    context = RequestContext(source, fetched, rules.preferences.timezone)
    today = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(context.zone)).date()
    selection = select(rules, kinds, today=today, oldest=oldest)
    return TargetBlocks(context, selection, rules, budgets)


def _widened(window: Window) -> Window:
    if window is None:
        return None
    first, last = window
    return date.fromordinal(max(1, first.toordinal() - _SPREAD_DAYS)), last


def _within(sealed: Sequence[Sealed], window: Window) -> Sequence[Sealed]:
    if window is None:
        return sealed
    first, last = (day.toordinal() for day in window)
    return [each for each in sealed if first <= each.day <= last]
