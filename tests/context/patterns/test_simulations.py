"""Random days get almost no claims; days with something in them get theirs."""

from random import Random

import pytest

from gateway.context.patterns.find import find_patterns
from gateway.context.patterns.found import Patterns
from tests.context.patterns.scenes import (
    DAYS,
    FIRST,
    HABITS,
    LAST,
    PILLARS,
    feels_of,
    habit_of,
    pillar_of,
    streaky,
)
from tests.context.patterns.simulation import World, a_random_user, claims

USERS = 1000
MOST_FOOLED = 30  # of them: the rate that the README states
PLANTED = 100


def fooled(world: World) -> int:
    return sum(claims(a_random_user(world, seed)) > 0 for seed in range(USERS))


@pytest.mark.parametrize(
    "world",
    [World("normal"), World("coarse", missing=0.5), World("normal", 0.6, 0.7, 0.6)],
    ids=["normal", "coarse and often missing", "slow to change"],
)
def test_fewer_than_30_of_1000_users_with_random_days_are_told_something(world: World) -> None:
    assert fooled(world) < MOST_FOOLED


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [
        World("coarse"),
        World("two-valued"),
        World("skewed"),
        World("crises"),
        World("normal", 0.3, 0.7, 0.3),
        World("normal", 0.8, 0.9, 0.8),
        World("normal", 0.6, 0.9, 0.95),
        World("normal", 0.6, 0.7, 0.6, missing=0.5, habits=30),
        World("coarse", scores=7),
        World("two-valued", scores=7),
        World("normal", 0.9, 0.9, 0.98, scores=84),
    ],
    ids=str,
)
def test_no_kind_of_randomness_fools_30_of_1000(world: World) -> None:
    assert fooled(world) < MOST_FOOLED


def test_random_users_do_get_the_counts() -> None:
    found = a_random_user(World(), 1)
    assert found.mood is not None
    assert found.mood.days == 84
    assert len(found.habits) == 8
    assert len(found.pillars) == 6


def a_planted_user(
    seed: int, *, habit: float = 0, monday: float = 0, mood_rise: float = 0, score_rise: float = 0
) -> Patterns:
    """All in standard deviations of the noise: 150 of mood, 15 of scores."""
    random = Random(seed)
    logs = [streaky(random, 84, 0.5, 0.3) for _ in HABITS]
    moods = [
        200
        + 150
        * (
            random.gauss(0, 1)
            + habit * logs[0][number]
            + monday * (day.weekday() == 0)
            + mood_rise * number / 83
        )
        for number, day in enumerate(DAYS)
    ]
    scores = {name: [500 + 15 * random.gauss(0, 1) for _ in range(12)] for name in PILLARS}
    scores["Work"] = [
        score + 15 * score_rise * number / 11 for number, score in enumerate(scores["Work"])
    ]
    return find_patterns(
        feels=feels_of(moods),
        habits=[
            each for name, log in zip(HABITS, logs, strict=True) for each in habit_of(name, log)
        ],
        pillars=[pillar_of(name, values) for name, values in scores.items()],
        first=FIRST,
        last=LAST,
    )


@pytest.mark.parametrize("shift", [-1.3, 1.3])
def test_a_habit_that_shifts_mood_is_found_nine_times_in_ten(shift: float) -> None:
    users = [a_planted_user(seed, habit=shift) for seed in range(PLANTED)]
    found = sum(
        any(
            each.habit == HABITS[0] and each.contrast.effect * shift > 0
            for each in user.habit_moods
        )
        for user in users
    )
    assert found >= 0.9 * PLANTED
    others = sum(each.habit != HABITS[0] for user in users for each in user.habit_moods)
    assert others <= 0.03 * PLANTED


@pytest.mark.parametrize("shift", [-1.8, 1.8])
def test_a_weekday_that_shifts_mood_is_found_nine_times_in_ten(shift: float) -> None:
    users = [a_planted_user(seed, monday=shift) for seed in range(PLANTED)]
    found = sum(
        any(each.weekday == 0 and each.contrast.effect * shift > 0 for each in user.weekdays)
        for user in users
    )
    assert found >= 0.9 * PLANTED


@pytest.mark.parametrize("rise", [-2.4, 2.4])
def test_a_mood_that_rises_or_falls_is_found(rise: float) -> None:
    trends = [
        user.mood.trend
        for seed in range(PLANTED)
        if (user := a_planted_user(seed, mood_rise=rise)).mood is not None
    ]
    right = sum(
        trend is not None and trend.clear and (trend.after - trend.before) * rise > 0
        for trend in trends
    )
    assert right >= 0.9 * PLANTED


@pytest.mark.parametrize("rise", [-20.0, 20.0])
def test_a_weekly_score_that_rises_or_falls_is_found(rise: float) -> None:
    right = 0
    for seed in range(PLANTED):
        work = next(p for p in a_planted_user(seed, score_rise=rise).pillars if p.name == "Work")
        trend = work.trend
        right += trend is not None and trend.clear and (trend.after - trend.before) * rise > 0
    assert right >= 0.9 * PLANTED
