"""Finds what a user's days show. Pure: records and the window in, numbers out."""

from collections.abc import Iterable, Sequence
from datetime import date

from gateway.context.patterns.effects import habit_moods, weekday_moods
from gateway.context.patterns.floors import HABIT_DAYS, MOOD_DAYS
from gateway.context.patterns.found import (
    HabitPattern,
    MoodPattern,
    Patterns,
    PillarPattern,
    Trend,
)
from gateway.context.patterns.series import HabitLog, Series, daily_moods, habit_logs, scores
from gateway.context.patterns.significance import rank, spread
from gateway.context.patterns.trends import find_trends
from gateway.types.context import Record


def find_patterns(
    *,
    feels: Sequence[Record],
    habits: Sequence[Record],
    pillars: Sequence[Record],
    first: date,
    last: date,
) -> Patterns:
    """Return what the records of the days from `first` to `last`, both included, show.

    Any of the three may be empty: then nothing is said that needs it. Records outside the window
    are passed over, and their order makes no difference.
    """
    mood = daily_moods(feels, first, last)
    logs = habit_logs(habits, first, last)
    scored = _scored(pillars, first, last)
    mood_trend, score_trends = find_trends(mood, [series for _, series in scored])
    ranks, scale = rank(mood.values), spread(mood.values)
    return Patterns(
        mood=_mood(mood, scale, mood_trend),
        habit_moods=habit_moods(logs, mood, ranks, scale),
        weekdays=weekday_moods(mood, ranks, scale),
        pillars=_clear_first(
            _pillar(name, series, trend)
            for (name, series), trend in zip(scored, score_trends, strict=True)
        ),
        habits=tuple(_habit(log) for log in logs if log.days >= HABIT_DAYS),
    )


def _scored(pillars: Iterable[Record], first: date, last: date) -> list[tuple[str, Series]]:
    """Return name and scores of the pillars that have more than one value, by name."""
    ordered = sorted(pillars, key=lambda record: (str(record.fields.get("name", "")), record.id))
    named = ((str(each.fields.get("name", "")), scores(each, first, last)) for each in ordered)
    return [(name, series) for name, series in named if len(series.days) > 1]


def _mood(mood: Series, scale: float, trend: Trend | None) -> MoodPattern | None:
    days = len(mood.values)
    if days < MOOD_DAYS:
        return None
    mean = sum(mood.values) / days
    return MoodPattern(mean, scale, days, trend)


def _pillar(name: str, series: Series, trend: Trend | None) -> PillarPattern:
    return PillarPattern(
        name=name,
        start=date.fromordinal(series.days[0]),
        end=date.fromordinal(series.days[-1]),
        first=series.values[0],
        last=series.values[-1],
        low=min(series.values),
        high=max(series.values),
        spread=spread(series.values),
        values=len(series.values),
        trend=trend,
    )


def _clear_first(pillars: Iterable[PillarPattern]) -> tuple[PillarPattern, ...]:
    return tuple(sorted(pillars, key=lambda each: each.trend is None or not each.trend.clear))


def _habit(log: HabitLog) -> HabitPattern:
    longest = streak = 0
    before = None
    for day in sorted(log.done):
        streak = streak + 1 if before == day - 1 else 1
        if streak > longest:
            longest = streak
        before = day
    current = streak if before == log.end else 0
    return HabitPattern(log.habit, len(log.done), log.days, current, longest)
