"""Records by day: what counts for a day, and when two habits are one."""

from datetime import date, timedelta
from typing import Any

import pytest

from gateway.context.patterns.series import Series, daily_moods, habit_logs, scores
from gateway.types.context import HistoryPoint, Record
from tests.context.patterns.scenes import record

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 10)


def day(number: int) -> date:
    return date(2026, 11, 1) + timedelta(days=number - 1)


def habit(number: int, name: str = "Run", **fields: Any) -> Record:
    return record(f"{name}{number}{sorted(fields)}", day(number), habit=name, **fields)


def test_the_mood_of_a_day_is_the_mean_of_its_moods() -> None:
    feels = [
        record("a", day(3), mood=100),
        record("b", day(3), mood=200),
        record("c", day(3), label="tired"),
        record("d", day(4), note="no mood on this day"),
        record("e", day(2), mood=-50.5),
    ]
    assert daily_moods(feels, FIRST, LAST) == Series(
        (day(2).toordinal(), day(3).toordinal()), (-50.5, 150.0)
    )


def test_days_outside_the_window_do_not_count() -> None:
    feels = [record(str(n), day(n), mood=n) for n in (0, 1, 10, 11)]
    assert daily_moods(feels, FIRST, LAST).values == (1, 10)
    assert habit_logs([habit(0, done=True), habit(11, done=True)], FIRST, LAST) == ()


def test_the_same_mood_once_or_thrice_is_the_same() -> None:
    feels = [record("a", day(1), mood=0.1), *(record(f"b{n}", day(2), mood=0.1) for n in range(3))]
    once, thrice = daily_moods(feels, FIRST, LAST).values
    assert once == thrice


@pytest.mark.parametrize(
    ("fields", "done"),
    [
        ({"done": True}, True),
        ({"done": False}, False),
        ({"amount": 5}, True),
        ({"amount": 0}, False),
        ({"amount": -1}, False),
        ({"done": False, "amount": 5}, False),
        ({"done": True, "amount": 0}, True),
        ({"note": "as always"}, True),
    ],
)
def test_a_habit_is_done_by_its_word_else_by_its_amount(fields: dict[str, Any], done: bool) -> None:
    (log,) = habit_logs([habit(5, **fields)], FIRST, LAST)
    assert (day(5).toordinal() in log.done) is done


def test_a_day_is_done_if_any_of_its_records_says_so() -> None:
    records = [habit(5, done=False), habit(5, amount=3), habit(6, done=True), habit(6, amount=0)]
    for order in (records, records[::-1]):
        (log,) = habit_logs(order, FIRST, LAST)
        assert log.done == {day(5).toordinal(), day(6).toordinal()}


def test_names_that_look_alike_are_one_habit_spelled_as_on_most_days() -> None:
    records = [
        habit(1, "Café walk", done=True),
        habit(2, "café  walk", done=True),
        habit(3, "Cafe\u0301 Walk", done=True),
        habit(4, "Café walk", done=True),
        habit(4, "CAFÉ WALK", done=False),
    ]
    for order in (records, records[::-1]):
        (log,) = habit_logs(order, FIRST, LAST)
        assert log.habit == "Café walk"
        assert len(log.done) == 4


def test_between_spellings_of_equal_use_the_first_in_order_is_shown() -> None:
    records = [habit(1, "run", done=True), habit(2, "Run", done=True)]
    for order in (records, records[::-1]):
        assert habit_logs(order, FIRST, LAST)[0].habit == "Run"


def test_a_habit_starts_with_its_first_log_and_the_last_day_counts_if_logged() -> None:
    (open_day,) = habit_logs([habit(4, done=False), habit(6, done=True)], FIRST, LAST)
    assert (open_day.start, open_day.end) == (day(4).toordinal(), day(9).toordinal())
    assert open_day.days == 6
    (logged,) = habit_logs([habit(4, done=True), habit(10, done=False)], FIRST, LAST)
    assert (logged.days, len(logged.done)) == (7, 1)


def test_habits_stand_by_days_done_then_by_name() -> None:
    records = [habit(1, "b"), habit(1, "C"), habit(1, "a"), habit(2, "C")]
    assert [log.habit for log in habit_logs(records, FIRST, LAST)] == ["C", "a", "b"]


def point(number: int, value: float) -> HistoryPoint:
    return HistoryPoint(day(number), value)


def ordinals(*numbers: int) -> tuple[int, ...]:
    return tuple(day(number).toordinal() for number in numbers)


def test_scores_are_those_of_the_history_in_the_window() -> None:
    pillar = record("p", None, [point(0, 1), point(2, 5), point(7, 6)], name="Health", score=6)
    assert scores(pillar, FIRST, LAST) == Series(ordinals(2, 7), (5, 6))


def test_a_present_score_that_is_not_in_the_history_stands_at_the_last_day() -> None:
    pillar = record("p", None, [point(2, 5)], name="Health", score=8)
    assert scores(pillar, FIRST, LAST) == Series(ordinals(2, 10), (5, 8))
    alone = record("p", None, name="Health", score=8)
    assert scores(alone, FIRST, LAST) == Series(ordinals(10), (8,))


def test_a_present_score_given_after_the_window_is_not_in_it() -> None:
    pillar = record("p", None, [point(2, 5), point(12, 7)], name="Health", score=9)
    assert scores(pillar, FIRST, LAST) == Series(ordinals(2), (5,))


def test_a_pillar_without_a_score_has_the_earlier_ones() -> None:
    pillar = record("p", None, [point(4, 5), point(2, 3)], name="Health")
    assert scores(pillar, FIRST, LAST) == Series(ordinals(2, 4), (3, 5))
    assert scores(record("p", None, name="Health"), FIRST, LAST) == Series()
