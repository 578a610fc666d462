"""What was found, as values: the numbers behind each sentence."""

from datetime import date

from msgspec import Struct


class Trend(Struct, frozen=True):
    """A straight line through a series: where it starts and ends, in the units of the series.

    `clear` says whether the line may be claimed; otherwise it was looked for and not found.
    """

    start: date
    end: date
    before: float
    after: float
    clear: bool


class MoodPattern(Struct, frozen=True):
    """The daily mood: mean and standard deviation of `days` days.

    `trend` is None where there are too few days to look for one.
    """

    mean: float
    spread: float
    days: int
    trend: Trend | None = None


class PillarPattern(Struct, frozen=True):
    """The score of one pillar over the window: first, last, range, spread.

    `trend` is None where there are too few values to look for one.
    """

    name: str
    start: date
    end: date
    first: float
    last: float
    low: float
    high: float
    spread: float
    values: int
    trend: Trend | None = None


class Contrast(Struct, frozen=True):
    """The mean mood of some days, and that of the other days.

    `effect` is the difference in standard deviations of the daily mood in the window.
    """

    mean: float
    days: int
    other_mean: float
    other_days: int
    effect: float


class WeekdayMood(Struct, frozen=True):
    """A weekday (0 is Monday) whose mood differs from that of the other days."""

    weekday: int
    contrast: Contrast


class HabitMood(Struct, frozen=True):
    """A habit on whose days the mood differs from that of the days without it."""

    habit: str
    contrast: Contrast


class HabitPattern(Struct, frozen=True):
    """How a habit was kept over the `days` since it was first logged; streaks are in days."""

    habit: str
    done_days: int
    days: int
    current_streak: int
    longest_streak: int


class Patterns(Struct, frozen=True):
    """Everything that was found, each part with the most useful first."""

    mood: MoodPattern | None = None
    habit_moods: tuple[HabitMood, ...] = ()
    weekdays: tuple[WeekdayMood, ...] = ()
    pillars: tuple[PillarPattern, ...] = ()
    habits: tuple[HabitPattern, ...] = ()
