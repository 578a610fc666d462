"""The statistics, in plain terms: lines, differences of groups, and how often chance does as well.

Every function takes values in the order of their days, and returns probabilities that already
account for neighbouring days being alike. The formulas are in `README.md`.
"""

from collections.abc import Sequence
from itertools import compress, groupby, islice
from math import copysign, erfc, inf, log1p, sqrt
from operator import mul
from typing import Final

from msgspec import Struct

from gateway.context.patterns.floors import INDEPENDENT_VALUES

_NEGLIGIBLE: Final = 1e-12  # what rounding leaves of a zero, relative to what was added up


class Line(Struct, frozen=True):
    """A least-squares line through `count` values: where it stands on their first and last day.

    `steepness` is the slope against the scatter around it: t for one degree of freedom, infinite
    where every value lies on the line. `alike` is how alike neighbouring residuals are, and
    `spread` the standard deviation of the values.
    """

    before: float
    after: float
    steepness: float
    alike: float
    spread: float
    count: int


class Ranks(Struct, frozen=True):
    """The ranks of a series, how alike neighbours are, and the mean step between different ranks."""

    ranked: Sequence[float]
    alike: float
    jump: float


class Difference(Struct, frozen=True):
    """How far the mean inside lies from the mean of all values, and how likely chance does as well."""

    apart: float
    chance: float


NO_DIFFERENCE: Final = Difference(0.0, 1.0)


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation of a sample; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    squares = _squares(_centred(values))
    return sqrt(squares / (len(values) - 1))


def fit_line(days: Sequence[int], values: Sequence[float]) -> Line:
    """Return the least-squares line through at least five values on different days."""
    count = len(days)
    along, up = _centred(days), _centred(values)
    length, squares = _squares(along), _squares(up)
    slope = sum(map(mul, along, up)) / length
    rest = [y - slope * x for x, y in zip(along, up, strict=True)]
    scatter = _squares(rest)
    mean = sum(values) / count
    if scatter <= _NEGLIGIBLE * squares:
        steepness, alike = copysign(inf, slope) if slope else 0.0, 0.0
    else:
        steepness = slope * sqrt(length / scatter)
        # The residuals of a line are less alike than the noise was, by about (2 + 4r)/n.
        alike = (count * _likeness(rest, scatter) + 2) / (count - 4)
    before, after = mean + slope * along[0], mean + slope * along[-1]
    return Line(before, after, steepness, alike, sqrt(squares / (count - 1)), count)


def chances_of(lines: Sequence[Line]) -> list[float]:
    """Return how likely chance draws lines as steep through series that were made the same way.

    Values that resemble their neighbours count for fewer independent ones. How alike they are, a
    short series cannot show; all of them together can, and one standard error is added. A series
    that is clearly more alike than the others counts for itself.
    """
    count = sum(line.count for line in lines)
    if not count:
        return []
    shared = sum(line.alike * line.count for line in lines) / count + 1 / sqrt(count)
    return [_chance(line, max(shared, line.alike - 1 / sqrt(line.count))) for line in lines]


def _chance(line: Line, alike: float) -> float:
    alike = min(max(alike, 0.0), 0.99)
    independent = line.count * (1 - alike) / (1 + alike)
    if independent < INDEPENDENT_VALUES:
        return 1.0
    return chance_of(line.steepness * sqrt(independent - 2), independent - 2)


def compare(
    inside: Sequence[bool], ranked: Sequence[float], alike: float, jump: float
) -> Difference:
    """Compare the ranks inside with those outside: Student's t with the pooled variance.

    `alike` is the likeness of the ranks. Where both sequences change slowly (a habit kept for
    weeks, a mood that lasts), they agree by chance more often: Bartlett's factor makes up for it.
    `jump` is the step from rank to rank: with few different ones the difference comes in such
    steps, and half of one does not count.
    """
    count, size = len(ranked), sum(inside)
    outside = count - size
    if not size or not outside or count < 4:
        return NO_DIFFERENCE
    total = sum(ranked)
    apart = sum(compress(ranked, inside)) / size - total / count
    within = _squares(ranked) - total * total / count - apart * apart * size * count / outside
    counted = max(abs(apart) - jump / size / 2, 0.0)
    if within <= _NEGLIGIBLE * total * total:
        return Difference(apart, 0.0 if counted else 1.0)
    error = sqrt(within / (count - 2) * (1 / size + 1 / outside))
    both = alike * likeness(inside) if alike else 0.0
    t = counted * count / outside / error * sqrt((1 - both) / (1 + both))
    return Difference(apart, chance_of(t, count - 2))


def likeness(values: Sequence[float]) -> float:
    """Return how alike neighbours are: the correlation with the next value, within [0, 0.99]."""
    count = len(values)
    if count < 5:
        return 0.0
    mean = sum(values) / count
    squares = _squares(values) - count * mean * mean
    if squares <= _NEGLIGIBLE * count * mean * mean:
        return 0.0
    products = sum(map(mul, values, islice(values, 1, None)))
    ends = mean * (values[0] + values[-1])
    # The correlation of a sample is too low by about (1 + 3r)/n.
    correlation = (products + ends - (count + 1) * mean * mean) / squares
    likely: float = (count * correlation + 1) / (count - 3)
    return min(max(likely, 0.0), 0.99)


def rank(values: Sequence[float]) -> Ranks:
    """Return the rank of each value, equal ones sharing theirs: a wild day weighs no more so."""
    places: dict[float, float] = {}
    before = 0
    for value, group in groupby(sorted(values)):
        size = sum(1 for _ in group)
        places[value] = before + (size + 1) / 2
        before += size
    ranked = [places[value] for value in values]
    steps = max(len(places) - 1, 1)
    jump = (max(ranked) - min(ranked)) / steps if ranked else 0.0
    return Ranks(ranked, likeness(ranked), jump)


def chance_of(t: float, freedom: float) -> float:
    """Return the two-sided probability of Student's t, by Wallace's normal approximation (1959)."""
    if t in (inf, -inf):
        return 0.0
    z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log1p(t * t / freedom))
    return erfc(z / sqrt(2))


def hold_up(chances: Sequence[float], rate: float) -> list[bool]:
    """Tell which of several findings may be claimed so that any is wrong at most at `rate`.

    Holm (1979): the least likely by chance must be below rate/n, the next below rate/(n-1), …
    """
    order = sorted(range(len(chances)), key=chances.__getitem__)
    held = [False] * len(chances)
    for done, place in enumerate(order):
        if chances[place] > rate / (len(chances) - done):
            break
        held[place] = True
    return held


def _centred(values: Sequence[float]) -> list[float]:
    if max(values) == min(values):  # whose computed mean may be off by the last bit
        return [0.0] * len(values)
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def _squares(values: Sequence[float]) -> float:
    total: float = sum(map(mul, values, values))
    return total


def _likeness(centred: Sequence[float], squares: float) -> float:
    products: float = sum(map(mul, centred, islice(centred, 1, None)))
    return products / squares
