"""Groups records by day, once: daily moods, the log of each habit, the scores of a pillar.

What comes out does not depend on the order in which the records came: sums are exact (`fsum`),
days are sorted. Days are ordinals (`date.toordinal()`).
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from math import fsum
from typing import Final
from unicodedata import normalize

from msgspec import Struct

from gateway.context.patterns.phrases import single_line
from gateway.types.context import Record

_NUMBERS: Final = (int, float)
_DIGITS: Final = 6


class Series(Struct, frozen=True):
    """One value a day, the days ascending; days without a value are not in it."""

    days: tuple[int, ...] = ()
    values: tuple[float, ...] = ()


class HabitLog(Struct, frozen=True):
    """The days on which a habit was done, from the first day on which it was logged to `end`.

    `end` is the window's last day only if the habit was logged on it: that day may not be over.
    """

    habit: str
    start: int
    end: int
    done: frozenset[int]

    @property
    def days(self) -> int:
        """The days on which it could have been done."""
        return self.end - self.start + 1


def daily_moods(feels: Iterable[Record], first: date, last: date) -> Series:
    """Return the mean mood of each day of the window that has one."""
    by_day: defaultdict[int, list[float]] = defaultdict(list)
    earliest, latest = first.toordinal(), last.toordinal()
    for record in feels:
        if record.day is not None and earliest <= (day := record.day.toordinal()) <= latest:
            mood = record.fields.get("mood")
            if isinstance(mood, _NUMBERS):
                by_day[day].append(mood)
    days = tuple(sorted(by_day))
    # Rounded, so that days with one mood and days with the same mood thrice are equal to the bit.
    means = (round(fsum(by_day[day]) / len(by_day[day]), _DIGITS) for day in days)
    return Series(days, tuple(means))


def habit_logs(habits: Iterable[Record], first: date, last: date) -> tuple[HabitLog, ...]:
    """Return the log of each habit: those done most often first, then by name.

    Names that differ in case, spacing or Unicode form only are one habit, shown as it was spelled
    on most days. A day counts as done if any of its records says so.
    """
    by_name: defaultdict[str, dict[int, bool]] = defaultdict(dict)
    earliest, latest = first.toordinal(), last.toordinal()
    for record in habits:
        if record.day is not None and earliest <= (day := record.day.toordinal()) <= latest:
            fields = record.fields
            done = fields.get("done")
            if done is None:
                done = _is_done(fields.get("amount"))
            logged = by_name[fields.get("habit", "")]
            logged[day] = done or logged.get(day, False)
    merged: defaultdict[str, list[str]] = defaultdict(list)
    for name in by_name:
        merged[_one_spelling(name)].append(name)
    logs = [
        (key, _log([(name, by_name[name]) for name in names], latest))
        for key, names in merged.items()
    ]
    return tuple(log for _, log in sorted(logs, key=lambda pair: (-len(pair[1].done), pair[0])))


def scores(pillar: Record, first: date, last: date) -> Series:
    """Return the values of a pillar's score that were given in the window.

    The present score stands at the window's last day, unless the newest earlier value says the
    same (then it is that value), or values given after the window show that it came later still.
    """
    earliest, latest = first.toordinal(), last.toordinal()
    by_day = dict(sorted([(point.day.toordinal(), point.value) for point in pillar.history]))
    now = pillar.fields.get("score")
    if isinstance(now, _NUMBERS):
        newest = max(by_day, default=0)
        if newest <= latest and by_day.get(newest) != now:
            by_day[latest] = now
    given = {day: value for day, value in by_day.items() if earliest <= day <= latest}
    return Series(tuple(given), tuple(given.values()))


def _is_done(amount: float | None) -> bool:
    """Tell it from a record without `done`: by its amount; with neither, it was made to say so."""
    return amount is None or amount > 0


def _one_spelling(name: str) -> str:
    return normalize("NFC", single_line(name).casefold())


def _log(spellings: list[tuple[str, dict[int, bool]]], last: int) -> HabitLog:
    name, logged = min(spellings, key=lambda pair: (-len(pair[1]), pair[0]))
    if len(spellings) > 1:
        every: dict[int, bool] = {}
        for _, days in spellings:
            for day, done in days.items():
                every[day] = done or every.get(day, False)
        logged = every
    done_days = frozenset(day for day, done in logged.items() if done)
    return HabitLog(name, min(logged), last if last in logged else last - 1, done_days)
