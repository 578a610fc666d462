"""The worked example of the README is what the code makes of it."""

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from gateway.context.patterns import find, floors
from gateway.context.patterns.lines import pattern_lines
from gateway.types.context import HistoryPoint
from tests.context.patterns.scenes import record

PAGE = (Path(find.__file__).parent / "README.md").read_text(encoding="utf-8")


def by_day(first: date, weeks: list[list[Any]]) -> list[tuple[date, Any]]:
    flat = [value for week in weeks for value in week]
    return [(first + timedelta(days=number), value) for number, value in enumerate(flat)]


def test_the_worked_example_gives_its_sentences() -> None:
    example = re.search(
        r"<!-- example -->\n```json\n(.*?)```\n\n```text\n(.*?)```\n<!-- end -->", PAGE, re.DOTALL
    )
    assert example is not None
    given = json.loads(example[1])
    first, last = date.fromisoformat(given["first"]), date.fromisoformat(given["last"])
    found = find.find_patterns(
        feels=[
            record(str(day), day, mood=mood)
            for day, mood in by_day(first, given["mood"])
            if mood is not None
        ],
        habits=[
            record(f"{name}{day}", day, habit=name, done=True)
            for name, weeks in given["habits"].items()
            for day, done in by_day(first, weeks)
            if done
        ],
        pillars=[
            record(
                name, None,
                [HistoryPoint(first + timedelta(days=7 * n + 6), s) for n, s in enumerate(scores)],
                name=name, score=scores[-1],
            )
            for name, scores in given["pillars"].items()
        ],
        first=first,
        last=last,
    )  # fmt: skip
    assert "\n".join(pattern_lines(found)) + "\n" == example[2]


def test_the_readme_has_every_floor_as_the_code_has_it() -> None:
    for name, value in (
        ("MOOD_TREND_DAYS", "14 days with a mood"),
        ("TREND_SPAN_DAYS", "21 days from first to last"),
        ("SCORE_TREND_VALUES", "7 values"),
        ("WEEKDAY_DAYS", "6 of that weekday"),
        ("HABIT_MOOD_DAYS", "7 days with"),
        ("MOOD_DAYS", "`MOOD_DAYS` = 3"),
        ("HABIT_DAYS", "`HABIT_DAYS` = 7"),
    ):
        assert f"`{name}`" in PAGE
        assert value in PAGE
        assert str(getattr(floors, name)) in value
    assert f"Holm's rule at {floors.FALSE_CLAIMS_PER_FAMILY:.1%}".replace("%", " %") in PAGE
    assert floors.SMALLEST_EFFECT == 0.5
    assert "half a standard deviation" in PAGE
