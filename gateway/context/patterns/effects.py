"""Whether mood differs on a weekday, or on the days of a habit.

What is tested are ranks, so that one extreme day cannot make a difference; the means that are
shown are those of the moods, and must differ the same way.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import TypeVar

from gateway.context.patterns.floors import (
    FALSE_CLAIMS_PER_FAMILY,
    HABIT_MOOD_DAYS,
    SMALLEST_EFFECT,
    WEEKDAY_DAYS,
)
from gateway.context.patterns.found import Contrast, HabitMood, WeekdayMood
from gateway.context.patterns.series import HabitLog, Series
from gateway.context.patterns.significance import (
    Difference,
    Ranks,
    compare,
    hold_up,
)

_Finding = TypeVar("_Finding", WeekdayMood, HabitMood)


def weekday_moods(mood: Series, ranks: Ranks, scale: float) -> tuple[WeekdayMood, ...]:
    """Return the weekdays whose mood differs from that of the other days, the clearest first.

    `ranks` and `scale` are the ranks and the standard deviation of `mood`.
    """
    weekdays = [(day + 6) % 7 for day in mood.days]  # ordinal 1 was a Monday
    found: list[tuple[WeekdayMood, Difference]] = []
    for weekday in range(7):
        inside = [each == weekday for each in weekdays]
        if WEEKDAY_DAYS <= sum(inside) <= len(inside) - WEEKDAY_DAYS:
            contrast = _contrast(mood.values, inside, scale)
            # The days of a weekday are a week apart: no likeness of neighbours to make up for.
            found.append(
                (WeekdayMood(weekday, contrast), compare(inside, ranks.ranked, 0.0, ranks.jump))
            )
    return tuple(_claimed(found))


def habit_moods(
    logs: Iterable[HabitLog], mood: Series, ranks: Ranks, scale: float
) -> tuple[HabitMood, ...]:
    """Return the habits on whose days mood differs from that of the days without, clearest first.

    Days count from the habit's first; those on which it was not logged are days without it.
    """
    found: list[tuple[HabitMood, Difference]] = []
    for log in logs:
        start, end = bisect_left(mood.days, log.start), bisect_right(mood.days, log.end)
        inside = [day in log.done for day in mood.days[start:end]]
        if HABIT_MOOD_DAYS <= sum(inside) <= len(inside) - HABIT_MOOD_DAYS:
            contrast = _contrast(mood.values[start:end], inside, scale)
            difference = compare(inside, ranks.ranked[start:end], ranks.alike, ranks.jump)
            found.append((HabitMood(log.habit, contrast), difference))
    return tuple(_claimed(found))


def _contrast(values: Sequence[float], inside: Sequence[bool], scale: float) -> Contrast:
    chosen = list(compress(values, inside))
    total, count, size = sum(values), len(values), len(chosen)
    mean = sum(chosen) / size
    other = (total - mean * size) / (count - size)
    return Contrast(mean, size, other, count - size, (mean - other) / scale if scale else 0.0)


def _claimed(found: Sequence[tuple[_Finding, Difference]]) -> Iterator[_Finding]:
    held = hold_up([difference.chance for _, difference in found], FALSE_CLAIMS_PER_FAMILY)
    order = sorted(range(len(found)), key=lambda place: found[place][1].chance)
    for place in order:
        finding, difference = found[place]
        effect = finding.contrast.effect
        agrees = effect * difference.apart > 0
        if held[place] and agrees and abs(effect) >= SMALLEST_EFFECT:
            yield finding
