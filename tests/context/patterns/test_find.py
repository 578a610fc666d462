"""What is found in given days: tables worked out by hand, and days of every sort."""

from datetime import date, timedelta
from random import Random
from statistics import fmean, stdev
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gateway.context.patterns import floors
from gateway.context.patterns.find import find_patterns
from gateway.context.patterns.found import HabitPattern, Patterns
from gateway.context.patterns.lines import pattern_lines
from gateway.types.context import HistoryPoint, Record
from tests.context.patterns.scenes import DAYS, FIRST, LAST, feels_of, habit_of, pillar_of, record


def find(
    feels: list[Record] | None = None,
    habits: list[Record] | None = None,
    pillars: list[Record] | None = None,
    last: date = LAST,
) -> Patterns:
    return find_patterns(
        feels=feels or [], habits=habits or [], pillars=pillars or [], first=FIRST, last=last
    )


def test_nothing_is_found_in_nothing() -> None:
    assert find() == Patterns()
    assert pattern_lines(Patterns()) == ()


def test_mood_is_told_from_three_days_on() -> None:
    assert find(feels_of([100, 200])).mood is None
    mood = find(feels_of([100, 200, 330])).mood
    assert mood is not None
    assert (mood.mean, mood.days, mood.trend) == (210, 3, None)
    assert mood.spread == pytest.approx(stdev([100, 200, 330]))


def test_streaks_and_share_of_a_habit() -> None:
    #        day: 0  1  2  3  4  5  6  7  8  9 10 11
    done = [None, 1, 1, 1, 0, None, 1, 1, 0, 1, 1, None]
    records = [
        each
        for each, said in zip(habit_of("Run", map(bool, done)), done, strict=False)
        if said is not None
    ]
    found = find(habits=records, last=DAYS[11])
    # From day 1 to day 10, because day 11 has no log and may not be over.
    assert found.habits == (HabitPattern("Run", 7, 10, current_streak=2, longest_streak=3),)
    later = find(habits=records, last=DAYS[12])
    assert later.habits == (HabitPattern("Run", 7, 11, current_streak=0, longest_streak=3),)
    refused = find(habits=[*records, *habit_of("Run", [False], DAYS[11:])], last=DAYS[11])
    assert refused.habits == (HabitPattern("Run", 7, 11, current_streak=0, longest_streak=3),)


def test_a_habit_is_told_from_a_week_on() -> None:
    assert find(habits=habit_of("Run", [1] * 6), last=DAYS[5]).habits == ()
    assert find(habits=habit_of("Run", [1] * 7), last=DAYS[6]).habits == (
        HabitPattern("Run", 7, 7, 7, 7),
    )


def alternating(count: int = 84) -> tuple[list[float], list[bool]]:
    """Moods around 300 on days of a habit and around 100 on the others, in no rhythm."""
    random = Random(7)
    done = [random.random() < 0.5 for _ in range(count)]
    return [(300 if each else 100) + random.randrange(-60, 60) for each in done], done


def test_mood_with_a_habit_is_the_mean_of_its_days() -> None:
    moods, done = alternating()
    (found,) = find(feels_of(moods), habit_of("Run", done)).habit_moods
    contrast = found.contrast
    within = list(zip(moods, done, strict=True))
    assert contrast.mean == pytest.approx(fmean(mood for mood, each in within if each))
    assert contrast.other_mean == pytest.approx(fmean(mood for mood, each in within if not each))
    assert (contrast.days, contrast.other_days) == (sum(done), len(done) - sum(done))
    assert contrast.effect == pytest.approx((contrast.mean - contrast.other_mean) / stdev(moods))


def test_days_before_a_habits_first_log_are_on_neither_side() -> None:
    moods, done = alternating()
    logs = habit_of("Run", done)[30:]
    (found,) = find(feels_of(moods), logs).habit_moods
    assert found.contrast.days + found.contrast.other_days == 54


def test_days_without_a_log_are_days_without_the_habit() -> None:
    moods, done = alternating()
    every = find(feels_of(moods), habit_of("Run", done)[done.index(True) :])
    only_done = [each for each in habit_of("Run", done) if each.fields["done"]]
    assert only_done[-1].day is not None
    some = find(feels_of(moods), only_done)
    last_day_unlogged = 0 if done[-1] else 1
    assert some.habit_moods[0].contrast.days == every.habit_moods[0].contrast.days
    assert (
        some.habit_moods[0].contrast.other_days
        == every.habit_moods[0].contrast.other_days - last_day_unlogged
    )


def test_below_the_floor_of_days_no_habit_is_tied_to_mood() -> None:
    done = [True] * 6 + [False] * 30
    moods = [900.0 if each else float(number % 7) for number, each in enumerate(done)]
    assert find(feels_of(moods), habit_of("Run", done)).habit_moods == ()
    done = [True, False, False, False, False, True] * 2 + [True, False, False] * 3 + [False] * 9
    moods = [900.0 - number if each else float(number % 7) for number, each in enumerate(done)]
    assert sum(done) == floors.HABIT_MOOD_DAYS
    assert len(find(feels_of(moods), habit_of("Run", done)).habit_moods) == 1


def test_one_terrible_day_ties_no_habit_to_mood() -> None:
    done = [number % 9 == 0 for number in range(84)]
    moods = [-1000.0 if number == 9 else 100.0 + number % 5 for number in range(84)]
    assert find(feels_of(moods), habit_of("Run", done)).habit_moods == ()


def test_three_terrible_days_out_of_eight_tie_no_habit_to_mood() -> None:
    done = [number % 11 == 0 for number in range(84)]
    moods = [-1000.0 if number in (0, 22, 44) else 100.0 + number * 7 % 30 for number in range(84)]
    assert find(feels_of(moods), habit_of("Run", done)).habit_moods == ()
    moods = [50.0 if each else 100.0 + number * 7 % 30 for number, each in enumerate(done)]
    assert len(find(feels_of(moods), habit_of("Run", done)).habit_moods) == 1


def test_where_means_and_ranks_differ_in_opposite_ways_nothing_is_claimed() -> None:
    done = [number * 5 % 14 < 5 for number in range(84)]
    lower = [-50.0 if each else float(number % 7) for number, each in enumerate(done)]
    (found,) = find(feels_of(lower), habit_of("Run", done)).habit_moods
    assert found.contrast.effect < 0
    # Usually lower with the habit, and yet higher on average, for a few days of bliss.
    bliss = [place for place, each in enumerate(done) if each][::5]
    mixed = [1000.0 if place in bliss else mood for place, mood in enumerate(lower)]
    assert fmean(m for m, each in zip(mixed, done, strict=True) if each) > 100
    assert find(feels_of(mixed), habit_of("Run", done)).habit_moods == ()


def test_a_certain_but_tiny_trend_is_not_worth_a_sentence() -> None:
    days = [date(2001, 1, 1) + timedelta(days=number) for number in range(8000)]
    for rise, clear in ((30, False), (80, True)):
        random = Random(3)
        moods = [random.gauss(0, 100) + rise * number / 7999 for number in range(8000)]
        found = find_patterns(
            feels=feels_of(moods, days), habits=[], pillars=[], first=days[0], last=days[-1]
        )
        assert found.mood is not None
        assert found.mood.trend is not None
        assert found.mood.trend.clear is clear


def test_a_certain_but_tiny_difference_is_not_worth_a_sentence() -> None:
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(2000)]
    random = Random(3)
    done = [random.random() < 0.5 for _ in days]
    moods = [random.gauss(30 if each else 0, 100) for each in done]
    found = find_patterns(
        feels=feels_of(moods, days), habits=habit_of("Run", done, days), pillars=[],
        first=days[0], last=days[-1],
    )  # fmt: skip
    assert found.habit_moods == ()
    larger = [mood + 60 * each for mood, each in zip(moods, done, strict=True)]
    found = find_patterns(
        feels=feels_of(larger, days), habits=habit_of("Run", done, days), pillars=[],
        first=days[0], last=days[-1],
    )  # fmt: skip
    assert len(found.habit_moods) == 1


def test_more_habits_need_clearer_differences() -> None:
    random = Random(11)
    moods = [random.gauss(0, 100) for _ in DAYS]
    done = [mood + random.gauss(0, 120) > 0 for mood in moods]
    alone = habit_of("Run", done)
    others = [
        each
        for number in range(300)
        for each in habit_of(f"other {number}", [random.random() < 0.5 for _ in DAYS])
    ]
    assert [each.habit for each in find(feels_of(moods), alone).habit_moods] == ["Run"]
    among = find(feels_of(moods), [*alone, *others]).habit_moods
    assert "Run" not in [each.habit for each in among]


def test_a_weekday_is_compared_with_the_other_days() -> None:
    moods = [50.0 + day.day % 4 if day.weekday() == 6 else 200.0 + day.day for day in DAYS]
    (found,) = find(feels_of(moods)).weekdays
    assert found.weekday == 6
    assert (found.contrast.days, found.contrast.other_days) == (12, 72)
    sundays = [mood for day, mood in zip(DAYS, moods, strict=True) if day.weekday() == 6]
    assert found.contrast.mean == pytest.approx(fmean(sundays))
    few = [
        feel
        for feel in feels_of(moods)
        if feel.day and (feel.day.weekday() < 6 or feel.day > DAYS[48])
    ]
    assert find(few).weekdays == ()


def test_a_pillar_tells_its_course() -> None:
    (pillar,) = find(pillars=[pillar_of("Work", [430, 450, 440])]).pillars
    assert (pillar.first, pillar.last, pillar.low, pillar.high, pillar.values) == (
        430, 440, 430, 450, 3,
    )  # fmt: skip
    assert (pillar.start, pillar.end, pillar.trend) == (DAYS[6], DAYS[20], None)
    assert find(pillars=[pillar_of("Work", [430], [DAYS[-1]])]).pillars == ()


def test_pillars_with_a_clear_trend_come_first() -> None:
    found = find(
        pillars=[
            pillar_of("B", [500, 520, 480, 510, 490, 505, 500, 515, 495, 490]),
            pillar_of("C", [430, 441, 449, 462, 468, 481, 490, 499, 512, 520]),
            pillar_of("A", [500, 490, 510, 500]),
        ]
    )
    assert [(pillar.name, pillar.trend and pillar.trend.clear) for pillar in found.pillars] == [
        ("C", True), ("A", None), ("B", False),
    ]  # fmt: skip


def test_seven_scores_in_a_week_are_no_trend() -> None:
    (pillar,) = find(pillars=[pillar_of("A", [1, 2, 3, 4, 5, 6, 7], DAYS[:7])]).pillars
    assert pillar.trend is None


def test_constant_moods_and_scores_claim_nothing() -> None:
    found = find(
        feels_of([0.1] * 84), habit_of("Run", [n % 2 for n in range(84)]),
        [pillar_of("A", [7.5] * 12)],
    )  # fmt: skip
    assert found.mood is not None
    assert found.mood.spread == 0
    assert found.mood.trend is not None
    assert not found.mood.trend.clear
    assert found.habit_moods == ()
    assert found.weekdays == ()
    assert found.pillars[0].trend is not None
    assert not found.pillars[0].trend.clear


def test_what_is_withheld_is_not_spoken_of() -> None:
    moods, done = alternating()
    feels, habits, pillars = feels_of(moods), habit_of("Run", done), [pillar_of("A", [1, 2, 3])]
    whole = find(feels, habits, pillars)
    assert find(feels=feels, pillars=pillars) == Patterns(
        mood=whole.mood, weekdays=whole.weekdays, pillars=whole.pillars
    )
    assert find(habits=habits) == Patterns(habits=whole.habits)


def test_twenty_thousand_records_take_no_longer_than_they_must() -> None:
    random = Random(5)
    feels = [
        record(f"f{n}", random.choice(DAYS), mood=random.randrange(-9, 9)) for n in range(20_000)
    ]
    habits = [record(f"h{n}", random.choice(DAYS), habit=f"habit {n}") for n in range(20_000)]
    start = process_time()
    found = find_patterns(feels=feels, habits=habits, pillars=[], first=date.min, last=date.max)
    assert process_time() - start < 5  # about 0.15 s; a quadratic step would take minutes
    assert found.mood is not None
    assert len(found.habits) == 20_000
    assert len(pattern_lines(found)) <= 30


def test_a_long_life_is_no_slower_than_its_days() -> None:
    days = [date(1, 1, 1) + timedelta(days=37 * number) for number in range(15_000)]
    random = Random(9)
    done = [random.random() < 0.5 for _ in days]
    feels = feels_of([random.gauss(0, 10) for _ in days], days)
    start = process_time()
    find_patterns(
        feels=feels, habits=habit_of("Run", done, days), pillars=[], first=date.min, last=date.max
    )
    assert process_time() - start < 5


NAMES = st.sampled_from(["Run", "run ", "RUN", "Read", "\n", "ß", "SS", '"</x>']) | st.text(
    min_size=1, max_size=5
)
NUMBERS = st.integers(-1000, 1000) | st.floats(-1000, 1000)
SOME_DAYS = st.dates(FIRST - timedelta(days=3), LAST + timedelta(days=3))


def fields(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


@st.composite
def records(
    draw: st.DrawFn, members: st.SearchStrategy[dict[str, Any]], dated: bool
) -> list[Record]:
    many = draw(st.lists(st.tuples(SOME_DAYS, members), max_size=40))
    points = st.lists(st.builds(HistoryPoint, SOME_DAYS, NUMBERS), max_size=20)
    return [
        Record(str(number), day, held)
        if dated
        else Record(str(number), None, held, tuple(draw(points)))
        for number, (day, held) in enumerate(many)
    ]


FEELS = records(fields(mood=NUMBERS, label=st.text(max_size=3)), dated=True)
HABITS = records(
    st.builds(
        lambda name, held: {"habit": name, **held},
        NAMES,
        fields(done=st.booleans(), amount=NUMBERS),
    ),
    dated=True,
)
PILLARS = records(
    st.builds(lambda name, held: {"name": name, **held}, NAMES, fields(score=NUMBERS)), dated=False
)


@settings(max_examples=150, deadline=None)
@given(FEELS, HABITS, PILLARS, st.randoms(use_true_random=False))
def test_any_records_in_any_order_give_the_same_sentences(
    feels: list[Record], habits: list[Record], pillars: list[Record], random: Random
) -> None:
    once = find(feels, habits, pillars)
    lines = pattern_lines(once)
    assert len(lines) <= 30
    assert all(len(line.splitlines()) == 1 for line in lines)
    for shuffled in (feels, habits, pillars):
        random.shuffle(shuffled)
    assert find(feels, habits, pillars) == once
    assert pattern_lines(find(feels, habits, pillars)) == lines
