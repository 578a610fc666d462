"""Decides which records a block has room for, before any of them is opened. Pure.

A budget is a sum: each record carries the tokens of its line, counted when it was written, and the
fixed text around the lines has known costs (`layout.py`). What does not fit is left out:

1. records that would not fit if they stood alone with what is never left out;
2. of the rest the oldest, across all kinds in time, until the others fit. Of one day the kind that
   is rendered last goes first, and within it the order is that of the sealed names: no order that
   means anything, but always the same;
3. where that is not enough, what is not in time, from its end: the last kind first, the patterns'
   last lines, the last pillars.

The profile and the date stay, whatever they cost.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from gateway.context import layout
from gateway.context.estimate import estimate
from gateway.context.layout import LINE_TOKENS, MOST_FRAME_TOKENS
from gateway.context.lines import DATE, PROFILE
from gateway.context.select import Selection, Shown


class Weighed(Protocol):
    """A record nobody has opened yet: its sealed name, its day as an ordinal, its line's tokens.

    `day` is 0 for kinds not in time.
    """

    @property
    def field(self) -> str:
        """Its name in the store, unique within its kind."""
        ...

    @property
    def day(self) -> int:
        """`date.toordinal()`, 0 for none."""
        ...

    @property
    def tokens(self) -> int:
        """What its line costs, without the line's end."""
        ...


W = TypeVar("W", bound=Weighed)
_TOKENS: Final = attrgetter("tokens")
_DAY: Final = attrgetter("day")
_FIELD: Final = attrgetter("field")
NOTHING_UNREAD: Final[Mapping[str, int]] = MappingProxyType({})
_NEWEST_LAST: Final = itemgetter(0, 1)  # day, then the kinds rendered first


class Line(Struct, frozen=True):
    """A text made at request time: a pattern, or the recap of the week whose Monday is `day`."""

    text: str
    tokens: int
    day: int = 0

    @property
    def field(self) -> str:
        """What orders it among others of its day."""
        return self.text


class Fit(Struct, Generic[W], frozen=True):
    """What there is room for: the records to open, and the computed lines, by kind.

    `tokens` are those of each kind that is shown, its heading and days included; `total` is the sum
    with the frame at its dearest. `dropped` counts what was left out, by kind.
    """

    records: Mapping[str, Sequence[W]]
    lines: Mapping[str, Sequence[Line]]
    tokens: Mapping[str, int]
    dropped: Mapping[str, int]
    total: int


def computed_line(text: str, day: date | None = None) -> Line:
    """Return a computed text with its estimated tokens."""
    return Line(text, estimate(text) + LINE_TOKENS, day.toordinal() if day else 0)


def fit(
    selection: Selection,
    records: Mapping[str, Sequence[W]],
    lines: Mapping[str, Sequence[Line]],
    *,
    timezone: str,
    budget: int,
    unread: Mapping[str, int] = NOTHING_UNREAD,
) -> Fit[W]:
    """Return what of a selection fits into a budget of tokens.

    `records` may hold more kinds and days than are shown, in any order; `lines` are computed, and
    lie within their kind's window. `unread` counts, by kind, older records that were not even
    read. About 0.3 ms of CPU for 1,000 records.
    """
    piles = [
        _Pile[W](shown, records.get(name, ()), lines.get(name, ()), unread.get(name, 0))
        for name, shown in selection.shown.items()
    ]
    fixed = {DATE: layout.date_tokens(timezone)} if DATE in selection.shown else {}
    frame = MOST_FRAME_TOKENS + sum(fixed.values())
    cost = sum(pile.cost() for pile in piles)
    if frame + cost > budget or any(pile.dropped for pile in piles):
        room = budget - frame - layout.LEFT_OUT_TOKENS
        if cost > room:
            _leave_out(piles, room)
    tokens = {pile.name: fixed.get(pile.name) or pile.cost() for pile in piles}
    dropped = {pile.name: pile.dropped for pile in piles if pile.dropped}
    frame = MOST_FRAME_TOKENS + (layout.LEFT_OUT_TOKENS if dropped else 0)
    return Fit(
        records={pile.name: pile.records for pile in piles if pile.items},
        lines={pile.name: pile.lines for pile in piles if pile.items},
        tokens={name: count for name, count in tokens.items() if count},
        dropped=dropped,
        total=frame + sum(tokens.values()),
    )


class _Pile(Generic[W]):
    """What there is of one kind, and then what is left of it."""

    def __init__(
        self, shown: Shown, records: Sequence[W], lines: Sequence[Line], unread: int
    ) -> None:
        kind = shown.kind
        wanted = _within(shown, records)
        self.name = kind.name
        self.in_time = kind.dated
        self.stays = kind.name == PROFILE
        self.items: list[W | Line] = [*wanted, *lines]
        self.heading = layout.heading_tokens(kind, shown.window)
        self.header = layout.day_tokens(kind) if kind.dated else 0
        # What was not read is older than all that was: where some of that is not wanted, nor is it.
        self._had = len(self.items) + (unread if len(wanted) == len(records) else 0)

    @property
    def records(self) -> tuple[W, ...]:
        """The records that are left."""
        return tuple(item for item in self.items if not isinstance(item, Line))

    @property
    def lines(self) -> tuple[Line, ...]:
        """The computed lines that are left."""
        return tuple(item for item in self.items if isinstance(item, Line))

    @property
    def dropped(self) -> int:
        """How many were left out."""
        return self._had - len(self.items)

    def cost(self) -> int:
        """Return the tokens of the whole section, 0 for an empty one."""
        if not self.items:
            return 0
        days = len(set(map(_DAY, self.items))) if self.in_time else 0
        lines: int = sum(map(_TOKENS, self.items)) + LINE_TOKENS * len(self.items)
        return self.heading + self.header * days + lines

    def keep_lighter(self, room: int) -> None:
        """Leave out what does not fit into the room even alone."""
        most = room - self.heading - self.header - LINE_TOKENS
        self.items = [item for item in self.items if item.tokens <= most]

    def by_day(self) -> Mapping[int, list[W | Line]]:
        """Return what there is of each day."""
        found: dict[int, list[W | Line]] = defaultdict(list)
        for item in self.items:
            found[item.day].append(item)
        return found


def _within(shown: Shown, records: Sequence[W]) -> Sequence[W]:
    if shown.window is None:
        return records
    first, last = (day.toordinal() for day in shown.window)
    return [record for record in records if first <= record.day <= last]


def _leave_out(piles: Sequence[_Pile[W]], room: int) -> None:
    room -= sum(pile.cost() for pile in piles if pile.stays)
    others = [pile for pile in piles if not pile.stays]
    for pile in others:
        pile.keep_lighter(room)
    timeless = [pile for pile in others if not pile.in_time]
    standing = sum(pile.cost() for pile in timeless)
    _keep_newest([pile for pile in others if pile.in_time], room - standing)
    if standing > room:
        _keep_first(timeless, room)


def _keep_newest(piles: Sequence[_Pile[W]], room: int) -> None:
    """Keep the newest days, and of the day that fits in part, what fits."""
    days = [
        (day, -rank, pile, items)
        for rank, pile in enumerate(piles)
        for day, items in pile.by_day().items()
    ]
    for pile in piles:
        pile.items = []
    for _, _, pile, items in sorted(days, key=_NEWEST_LAST, reverse=True):
        room -= pile.header if pile.items else pile.header + pile.heading
        for item in sorted(items, key=_FIELD):
            room -= item.tokens + LINE_TOKENS
            if room < 0:
                return
            pile.items.append(item)


def _keep_first(piles: Sequence[_Pile[W]], room: int) -> None:
    """Keep the first kinds, and of the kind that fits in part, its first records or lines."""
    had = [pile.items for pile in piles]
    for pile in piles:
        pile.items = []
    for pile, items in zip(piles, had, strict=True):
        room -= pile.heading if items else 0
        # Computed lines stand in their order, the most useful first.
        records = [item for item in items if not isinstance(item, Line)]
        for item in (*sorted(records, key=_FIELD), *items[len(records) :]):
            room -= item.tokens + LINE_TOKENS
            if room < 0:
                return
            pile.items.append(item)
