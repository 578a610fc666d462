"""Prints what patterns and recaps of 12 weeks cost: `python -m tests.context.patterns.measure`."""

from itertools import pairwise
from random import Random
from statistics import median
from time import process_time

from gateway.context.estimate import estimate
from gateway.context.patterns.find import find_patterns
from gateway.context.patterns.lines import pattern_lines
from gateway.context.recaps import derive_recaps
from gateway.types.context import Record
from tests.context.patterns.scenes import (
    DAYS,
    FIRST,
    HABITS,
    LAST,
    PILLARS,
    habit_of,
    pillar_of,
    record,
)

ROUNDS = 300


def a_user(seed: int = 1) -> tuple[list[Record], list[Record], list[Record], list[Record]]:
    """Feels (three a day), habits (eight a day), pillars (six, a score a day), entries (one a day)."""
    random = Random(seed)
    feels = [
        record(f"f{day}{time}", day, mood=random.gauss(200, 150), time=f"{time:02d}:00")
        for day in DAYS
        for time in (8, 13, 21)
    ]
    habits = [
        each
        for number, name in enumerate(HABITS)
        for each in habit_of(name, [random.random() < 0.1 * (number + 2) for _ in DAYS])
    ]
    pillars = [pillar_of(name, [random.gauss(500, 60) for _ in DAYS], DAYS) for name in PILLARS]
    sentence = "Slept badly but the walk before breakfast helped more than I expected. "
    entries = [record(f"e{day}", day, text=sentence * 8, time="21:30") for day in DAYS]
    return feels, habits, pillars, entries


def main() -> None:
    """Measure the median CPU time of each step in milliseconds."""
    feels, habits, pillars, entries = a_user()
    print(
        f"{len(feels)} feels, {len(habits)} habits, {len(pillars)} pillars, {len(entries)} entries"
    )
    texts: list[str] = []
    tokens = 0
    times: dict[str, list[float]] = {"patterns": [], "lines": [], "recaps": [], "estimates": []}
    for _ in range(ROUNDS):
        start = process_time()
        found = find_patterns(feels=feels, habits=habits, pillars=pillars, first=FIRST, last=LAST)
        patterns = process_time()
        texts = list(pattern_lines(found))
        lines = process_time()
        texts += [each.text for each in derive_recaps(entries, feels, frozenset(), FIRST, LAST)]
        recaps = process_time()
        tokens = sum(map(estimate, texts))
        marks = (start, patterns, lines, recaps, process_time())
        for step, (begun, ended) in zip(times, pairwise(marks), strict=True):
            times[step].append((ended - begun) * 1000)
    for step, took_ms in times.items():
        print(f"{step}: {median(took_ms):.2f} ms")
    print(f"{len(texts)} lines, about {tokens} tokens")
    print(f"together: {sum(median(took_ms) for took_ms in times.values()):.2f} ms")


if __name__ == "__main__":
    main()
