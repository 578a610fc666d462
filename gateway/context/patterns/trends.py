"""Whether mood and scores rise or fall."""

from collections.abc import Sequence
from datetime import date

from gateway.context.patterns.floors import (
    FALSE_CLAIMS_PER_FAMILY,
    MOOD_TREND_DAYS,
    SCORE_TREND_VALUES,
    SMALLEST_EFFECT,
    TREND_SPAN_DAYS,
)
from gateway.context.patterns.found import Trend
from gateway.context.patterns.series import Series
from gateway.context.patterns.significance import Line, chances_of, fit_line, hold_up


def find_trends(mood: Series, scores: Sequence[Series]) -> tuple[Trend | None, list[Trend | None]]:
    """Return the trend of the mood, and that of each pillar's scores; None for too short a series.

    They are one family: the more there are, the clearer each must be.
    """
    moods, scored = _lines([mood], MOOD_TREND_DAYS), _lines(scores, SCORE_TREND_VALUES)
    chances = [*_chances(moods), *_chances(scored)]
    held = iter(hold_up(chances, FALSE_CLAIMS_PER_FAMILY))
    trends = [
        None if line is None else _trend(series, line, holds=next(held))
        for series, line in zip((mood, *scores), (*moods, *scored), strict=True)
    ]
    return trends[0], trends[1:]


def _lines(many: Sequence[Series], fewest: int) -> list[Line | None]:
    return [
        fit_line(series.days, series.values)
        if len(series.days) >= fewest and series.days[-1] - series.days[0] >= TREND_SPAN_DAYS
        else None
        for series in many
    ]


def _chances(lines: Sequence[Line | None]) -> list[float]:
    return chances_of([line for line in lines if line is not None])


def _trend(series: Series, line: Line, *, holds: bool) -> Trend:
    large = abs(line.after - line.before) >= SMALLEST_EFFECT * line.spread
    return Trend(
        start=date.fromordinal(series.days[0]),
        end=date.fromordinal(series.days[-1]),
        before=line.before,
        after=line.after,
        clear=holds and large,
    )
