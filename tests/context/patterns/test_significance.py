"""The statistics against tables and numbers worked out by hand."""

from math import inf, isclose, sqrt

import pytest
from hypothesis import given, strategies as st

from gateway.context.patterns.significance import (
    chance_of,
    chances_of,
    compare,
    fit_line,
    hold_up,
    likeness,
    rank,
    spread,
)


@pytest.mark.parametrize(
    ("freedom", "t", "chance"),
    [
        (3, 3.182, 0.05), (3, 12.924, 0.001), (5, 2.571, 0.05), (5, 4.032, 0.01),
        (10, 2.228, 0.05), (10, 4.587, 0.001), (30, 2.042, 0.05), (30, 3.646, 0.001),
        (120, 1.980, 0.05), (120, 3.373, 0.001),
    ],
)  # fmt: skip
def test_chances_are_those_of_the_table_of_t(freedom: float, t: float, chance: float) -> None:
    # With few degrees of freedom the approximation errs, to the safe side.
    assert 0.98 * chance < chance_of(t, freedom) < (1.3 if freedom < 10 else 1.05) * chance
    assert chance_of(-t, freedom) == chance_of(t, freedom)


def test_certainty_and_nothing_have_chances_too() -> None:
    assert chance_of(inf, 5) == chance_of(-inf, 5) == 0.0
    assert chance_of(0.0, 5) == 1.0


def test_spread_is_the_standard_deviation_of_a_sample() -> None:
    assert spread([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(sqrt(32 / 7))
    assert spread([5]) == spread([]) == 0.0
    assert spread([0.1] * 3) == 0.0


def test_a_line_goes_through_its_points() -> None:
    line = fit_line([10, 11, 13, 14, 17], [5, 7, 11, 13, 19])
    assert [line.before, line.after] == pytest.approx([5, 19])
    assert line.steepness == inf
    assert fit_line([1, 2, 3, 4, 5], [9, 8, 7, 6, 5]).steepness == -inf
    assert fit_line([1, 2, 3, 4, 5], [0.1] * 5).steepness == 0.0


def test_a_line_among_scatter_is_the_least_squares_one() -> None:
    # By hand: means 3 and 3; products 8, squares of days 10, so slope 0.8; residuals
    # 0.6, -1.2, 0, 1.2, -0.6 with squares 3.6; neighbours' products -0.72, 0, 0, -0.72 = -1.44.
    line = fit_line([1, 2, 3, 4, 5], [2, 1, 3, 5, 4])
    assert [line.before, line.after] == pytest.approx([1.4, 4.6])
    assert line.steepness == pytest.approx(0.8 * sqrt(10 / 3.6))
    assert line.alike == pytest.approx((5 * (-1.44 / 3.6) + 2) / (5 - 4))
    assert line.spread == pytest.approx(sqrt(10 / 4))


def test_values_alike_their_neighbours_count_for_fewer() -> None:
    noisy = fit_line(range(40), [day + (5 if day % 2 else -5) for day in range(40)])
    waves = fit_line(range(40), [day + (5 if day // 5 % 2 else -5) for day in range(40)])
    assert chances_of([noisy])[0] < 1e-9
    assert chances_of([waves])[0] > 1e-5


def test_likeness_of_a_short_series_is_learnt_from_the_others() -> None:
    days = range(12)
    steady = fit_line(days, [3 * day + (4, -4, 3, -5)[day % 4] for day in days])
    wandering = fit_line(days, [0, 2, 5, 9, 12, 12, 10, 7, 6, 8, 12, 17])
    alone = chances_of([steady])[0]
    assert chances_of([steady, wandering, wandering, wandering])[0] > 10 * alone
    assert chances_of([]) == []


def test_a_difference_is_that_of_the_pooled_t_test() -> None:
    # Of ten, four inside with ranks 7 to 10, mean 8.5; six outside with ranks 1 to 6, mean 3.5.
    inside = [False] * 6 + [True] * 4
    found = compare(inside, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], alike=0.0, jump=0.0)
    assert found.apart == pytest.approx(8.5 - 5.5)
    pooled = (17.5 + 5.0) / 8  # squares within: 1..6 around 3.5, 7..10 around 8.5
    t = (8.5 - 3.5) / sqrt(pooled * (1 / 4 + 1 / 6))
    assert found.chance == pytest.approx(chance_of(t, 8))


def test_half_a_jump_of_coarse_ranks_does_not_count() -> None:
    inside = [False] * 6 + [True] * 4
    ranked = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    fine = compare(inside, ranked, alike=0.0, jump=1.0)
    coarse = compare(inside, ranked, alike=0.0, jump=8.0)
    pooled = (17.5 + 5.0) / 8
    t = (5 - 1.0 * 10 / (2 * 4 * 6)) / sqrt(pooled * (1 / 4 + 1 / 6))
    assert fine.chance == pytest.approx(chance_of(t, 8))
    assert coarse.chance > fine.chance


def test_a_habit_kept_for_weeks_and_a_mood_that_lasts_agree_by_chance() -> None:
    inside = [False] * 20 + [True] * 20
    ranked = [float(number) for number in range(1, 41)]
    assert compare(inside, ranked, alike=0.0, jump=1.0).chance < 1e-6
    assert compare(inside, ranked, alike=0.9, jump=1.0).chance > 1e-3


@pytest.mark.parametrize("inside", [[True] * 5, [False] * 5, [True, False, True]])
def test_one_side_alone_or_too_few_do_not_differ(inside: list[bool]) -> None:
    ranked = [float(number) for number in range(len(inside))]
    assert compare(inside, ranked, alike=0.0, jump=1.0).chance == 1.0


def test_equal_ranks_do_not_differ() -> None:
    inside = [True] * 4 + [False] * 4
    assert compare(inside, [4.5] * 8, alike=0.0, jump=0.0).chance == 1.0
    parted = compare(inside, [6.5] * 4 + [2.5] * 4, alike=0.0, jump=4.0)
    assert parted.chance == 0.0


def test_likeness_is_the_correlation_with_the_next_value() -> None:
    # Around 3: -2, 0, -1, 1, 0, 2, with squares 10 and neighbours' products -1.
    assert likeness([1, 3, 2, 4, 3, 5]) == pytest.approx((6 * (-1 / 10) + 1) / 3)
    assert likeness([1, 0] * 10) == 0.0
    assert likeness([1] * 10) == likeness([]) == 0.0
    assert likeness([0] * 20 + [1] * 20) > 0.9


def test_ties_share_their_rank() -> None:
    ranks = rank([30, 10, 20, 20, 50])
    assert list(ranks.ranked) == [4, 1, 2.5, 2.5, 5]
    assert ranks.jump == pytest.approx(4 / 3)
    assert list(rank([]).ranked) == []


def test_holm_gives_many_findings_less_room() -> None:
    assert hold_up([0.04], 0.05) == [True]
    assert hold_up([0.04, 0.5, 0.6], 0.05) == [False, False, False]
    assert hold_up([0.03, 0.001, 0.02], 0.05) == [True, True, True]
    assert hold_up([0.03, 0.01, 0.03], 0.05) == [False, True, False]
    assert hold_up([], 0.05) == []


@given(st.lists(st.floats(-1000, 1000), min_size=5, max_size=60))
def test_no_series_breaks_the_line(values: list[float]) -> None:
    line = fit_line(range(len(values)), values)
    (chance,) = chances_of([line])
    assert 0.0 <= chance <= 1.0
    assert line.spread == spread(values)


@given(st.lists(st.tuples(st.booleans(), st.floats(-1000, 1000)), max_size=60))
def test_no_days_break_the_comparison(days: list[tuple[bool, float]]) -> None:
    ranks = rank([value for _, value in days])
    found = compare([inside for inside, _ in days], ranks.ranked, ranks.alike, ranks.jump)
    assert 0.0 <= found.chance <= 1.0


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=50))
def test_ranks_keep_the_order_and_the_sum(values: list[int]) -> None:
    ranked = rank([float(value) for value in values]).ranked
    assert isclose(sum(ranked), len(values) * (len(values) + 1) / 2)
    assert sorted(range(len(values)), key=lambda place: (values[place], place)) == sorted(
        range(len(values)), key=lambda place: (ranked[place], place)
    )
