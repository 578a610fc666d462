"""Says what was found: one plain English sentence each, with its sample size."""

from collections.abc import Iterator
from typing import Final

from gateway.context.patterns.floors import (
    MOST_HABIT_MOODS,
    MOST_HABITS,
    MOST_PILLARS,
    MOST_WEEKDAYS,
)
from gateway.context.patterns.found import (
    Contrast,
    HabitPattern,
    MoodPattern,
    Patterns,
    PillarPattern,
    Trend,
)
from gateway.context.patterns.phrases import plain_number, single_line

_WEEKDAYS: Final = (
    "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays",
)  # fmt: skip


def pattern_lines(patterns: Patterns) -> tuple[str, ...]:
    """Return at most 30 sentences, the most useful first; the last can be left out first.

    Mood, habits with moods, weekdays, pillars with a clear trend, then habits, then the pillars
    without one. A name is the user's text: its line breaks are spaces here, all else is as it was.
    """
    pillars = patterns.pillars[:MOST_PILLARS]
    clear = [each for each in pillars if each.trend is not None and each.trend.clear]
    return (
        *_about_mood(patterns),
        *map(_pillar, clear),
        *map(_habit, patterns.habits[:MOST_HABITS]),
        *map(_pillar, pillars[len(clear) :]),
    )


def _about_mood(patterns: Patterns) -> Iterator[str]:
    mood = patterns.mood
    if mood is None:
        return
    yield _mood(mood)
    for each in patterns.habit_moods[:MOST_HABIT_MOODS]:
        days, others = _means(each.contrast, mood.spread)
        name = single_line(each.habit)
        yield f'Mood averaged {days} with the habit "{name}", {others} without it.'
    for weekday in patterns.weekdays[:MOST_WEEKDAYS]:
        days, others = _means(weekday.contrast, mood.spread)
        yield f"Mood averaged {days} on {_WEEKDAYS[weekday.weekday]}, {others} on other days."


def _mood(mood: MoodPattern) -> str:
    mean, spread = (plain_number(value, mood.spread) for value in (mood.mean, mood.spread))
    said = f"Mood averaged {mean} over {mood.days} days (standard deviation {spread})"
    return f"{said}{_after(_trend(mood.trend, mood.spread))}."


def _trend(trend: Trend | None, spread: float) -> str:
    if trend is None:
        return ""
    if not trend.clear:
        return "no clear trend"
    way = "rising" if trend.after > trend.before else "falling"
    before, after = (plain_number(value, spread) for value in (trend.before, trend.after))
    return f"{way} from about {before} on {trend.start} to {after} on {trend.end}"


def _after(trend: str) -> str:
    return f", {trend}" if trend else ""


def _means(contrast: Contrast, spread: float) -> tuple[str, str]:
    mean, other = (plain_number(value, spread) for value in (contrast.mean, contrast.other_mean))
    return f"{mean} ({contrast.days} days)", f"{other} ({contrast.other_days} days)"


def _pillar(pillar: PillarPattern) -> str:
    values = (pillar.first, pillar.last, pillar.low, pillar.high)
    first, last, low, high = (plain_number(value, pillar.spread) for value in values)
    said = f'Pillar "{single_line(pillar.name)}":'
    if low == high:
        return f"{said} {low} from {pillar.start} to {pillar.end} ({pillar.values} values)."
    sample = f"({pillar.values} values from {low} to {high})"
    trend = _trend(pillar.trend, pillar.spread)
    if pillar.trend is not None and pillar.trend.clear:
        return f"{said} {trend} {sample}."
    return f"{said} {first} on {pillar.start}, {last} on {pillar.end} {sample}{_after(trend)}."


def _habit(habit: HabitPattern) -> str:
    share = (200 * habit.done_days + habit.days) // (2 * habit.days)  # rounded half up
    done = f"done on {habit.done_days} of {habit.days} days ({share}%)"
    streaks = f"current streak {habit.current_streak}, longest {habit.longest_streak}"
    return f'Habit "{single_line(habit.habit)}": {done}, {streaks}.'
