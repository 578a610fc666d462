"""Users whose days are random, and how many of them are told something about it."""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from gateway.context.patterns.find import find_patterns
from gateway.context.patterns.found import Patterns
from tests.context.patterns.scenes import (
    DAYS,
    FIRST,
    LAST,
    PILLARS,
    drifting,
    feels_of,
    habit_of,
    pillar_of,
    streaky,
)

NOISE: Final[Mapping[str, Callable[[Random], float]]] = MappingProxyType(
    {
        "normal": lambda random: random.gauss(0, 200),
        "coarse": lambda random: float(random.choice((-500, -250, 0, 250, 500))),
        "two-valued": lambda random: float(random.choice((0, 0, 0, 0, 500))),
        "skewed": lambda random: random.expovariate(1 / 200),
        "crises": lambda random: -1000.0 if random.random() < 0.06 else random.gauss(300, 30),
    }
)


class World(Struct, frozen=True):
    """How random days come about: `keeps` is how much of yesterday stays, 0 for nothing."""

    noise: str = "normal"
    mood_keeps: float = 0.0
    habit_keeps: float = 0.0
    score_keeps: float = 0.0
    missing: float = 0.0
    scores: int = 12  # weekly up to 12, else daily
    habits: int = 8


def a_random_user(world: World, seed: int) -> Patterns:
    """Return what is found in 12 weeks of a user whose moods, habits and scores are unrelated."""
    random = Random(seed)
    noise = partial(NOISE[world.noise], random)
    moods = feels_of(drifting(len(DAYS), world.mood_keeps, noise))
    feels = [feel for feel in moods if random.random() >= world.missing]
    days = DAYS[6::7] if world.scores <= 12 else DAYS
    return find_patterns(
        feels=feels,
        habits=[
            each
            for number in range(world.habits)
            for each in habit_of(
                f"habit {number}",
                streaky(random, len(DAYS), random.uniform(0.1, 0.9), world.habit_keeps),
            )
        ],
        pillars=[
            pillar_of(name, drifting(world.scores, world.score_keeps, noise), days)
            for name in PILLARS
        ],
        first=FIRST,
        last=LAST,
    )


def claims(found: Patterns) -> int:
    """Count what is claimed, rather than counted."""
    trends = [found.mood.trend] if found.mood is not None else []
    trends += [pillar.trend for pillar in found.pillars]
    clear = sum(1 for trend in trends if trend is not None and trend.clear)
    return clear + len(found.weekdays) + len(found.habit_moods)
