"""Recaps of weeks for which the application wrote none, derived from that week's entries. Pure."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from gateway.context.patterns.phrases import plain_number, shorten, single_line
from gateway.context.patterns.series import Series, daily_moods
from gateway.context.patterns.significance import spread
from gateway.types.context import Record

MOST_CHARACTERS: Final = 60  # of each title or sentence: a week of them is about 120 tokens
_READ: Final = 400  # characters of a text in which its first sentence is looked for
_SHORTEST: Final = 12  # characters of a sentence: "Dr. Who" has no end in it
_END: Final = re.compile(r"[.!?…](?=\s)|[\u3002\uff01\uff1f]")  # and as Chinese writes them
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Recap(Struct, frozen=True):
    """The derived recap of a week: `week` is `2026-W47`, `monday` its first day."""

    week: str
    monday: date
    text: str
    entries: int


def derive_recaps(
    entries: Sequence[Record],
    feels: Sequence[Record],
    stored_weeks: Collection[date],
    first: date,
    last: date,
) -> tuple[Recap, ...]:
    """Return a recap of each week with entries that has none, the earliest first.

    `stored_weeks` are the Mondays of the weeks that have one. Only ISO weeks that lie wholly in
    the window and ended before its last day are recapped: part of a week would pass for the
    whole, and the latest days are shown as entries anyway. `feels` may be empty (withheld).
    """
    weeks: defaultdict[int, list[Record]] = defaultdict(list)
    written = {monday.toordinal() for monday in stored_weeks}
    earliest, latest = first.toordinal(), last.toordinal() - 7
    for entry in entries:
        if entry.day is not None:
            ordinal = entry.day.toordinal()
            monday = ordinal - (ordinal - 1) % 7  # ordinal 1 was a Monday
            if earliest <= monday <= latest and monday not in written:
                weeks[monday].append(entry)
    if not weeks:
        return ()
    moods = daily_moods(feels, first, last)
    scale = spread(moods.values)
    return tuple(
        _recap(monday, weeks[monday], _mood(moods, monday, scale)) for monday in sorted(weeks)
    )


def _recap(monday: int, entries: list[Record], mood: str) -> Recap:
    entries.sort(key=_order)
    by_day: dict[date, Record] = {}
    for entry in entries:
        if entry.day is not None:
            by_day.setdefault(entry.day, entry)
    counts = f"{_count(len(entries), 'entry', 'entries')} on {_count(len(by_day), 'day', 'days')}"
    told = ((day, _headline(entry)) for day, entry in by_day.items())
    days = " / ".join(
        f"{_WEEKDAYS[day.weekday()]}: {headline}" for day, headline in told if headline
    )
    start = date.fromordinal(monday)
    year, week, _ = start.isocalendar()
    text = f"{counts}{mood}. {days}".rstrip()
    return Recap(f"{year:04d}-W{week:02d}", start, text, len(entries))


def _order(entry: Record) -> tuple[date, str, str]:
    return (entry.day or date.min, str(entry.fields.get("time") or ""), entry.id)


def _mood(moods: Series, monday: int, scale: float) -> str:
    start, end = bisect_left(moods.days, monday), bisect_left(moods.days, monday + 7)
    if start == end:
        return ""
    mean = sum(moods.values[start:end]) / (end - start)
    return f", mood averaged {plain_number(mean, scale)} over {_count(end - start, 'day', 'days')}"


def _headline(entry: Record) -> str:
    """Return the title, else the first sentence of the text, on one line and not too long."""
    title = str(entry.fields.get("title") or "").strip()
    if not title:
        start = str(entry.fields.get("text") or "")[:_READ].strip()
        line = start.splitlines()[0] if start else ""
        end = _END.search(line, _SHORTEST - 1)
        title = line[: end.end()] if end else line
    return shorten(single_line(title), MOST_CHARACTERS)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
