"""Invented users: their days, moods, habits and scores, from a seed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from gateway.types.context import HistoryPoint, Record

LAST = date(2026, 11, 23)  # a Monday
FIRST = LAST - timedelta(days=83)
DAYS = tuple(FIRST + timedelta(days=number) for number in range(84))
HABITS = ("Running", "Reading", "Meditation", "Water", "Stretching", "No sugar", "Piano", "Early")
PILLARS = ("Health", "Work", "Family", "Friends", "Growth", "Money")

Values = Sequence[float]


def record(
    key: str, day: date | None, history: Sequence[HistoryPoint] = (), **fields: Any
) -> Record:
    """Build a record whose id is `key`."""
    return Record(key, day, fields, tuple(history))


def feels_of(moods: Values, days: Sequence[date] = DAYS) -> list[Record]:
    """One feel a day."""
    return [record(f"f{day}", day, mood=mood) for day, mood in zip(days, moods, strict=False)]


def habit_of(name: str, done: Iterable[object], days: Sequence[date] = DAYS) -> list[Record]:
    """One record for each day: done or not."""
    return [
        record(f"{name}{day}", day, habit=name, done=bool(each))
        for day, each in zip(days, done, strict=False)
    ]


def pillar_of(name: str, scores: Values, days: Sequence[date] = DAYS[6::7]) -> Record:
    """A pillar whose last score is the present one."""
    points = [HistoryPoint(day, score) for day, score in zip(days, scores, strict=False)]
    return record(name, None, points, name=name, score=scores[-1])


def drifting(count: int, keeps: float, noise: Callable[[], float]) -> list[float]:
    """Values that keep this share of the one before: 0 is white noise."""
    values, value = [], noise()
    for _ in range(count):
        values.append(value)
        value = keeps * value + (1 - keeps * keeps) ** 0.5 * noise()
    return values


def streaky(random: Random, count: int, share: float, keeps: float) -> list[bool]:
    """Days done or not: like yesterday with this likelihood, else by chance."""
    done = [random.random() < share]
    while len(done) < count:
        done.append(done[-1] if random.random() < keeps else random.random() < share)
    return done
