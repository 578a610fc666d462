"""Days and groups of a question for usage: what is taken, and what is refused."""

from datetime import date

import pytest

from gateway.accounting.span import MOST_DAYS, Span, read_groups, read_span
from gateway.errors import InvalidRequest

TODAY = date(2026, 11, 23)


def test_without_days_the_last_thirty_are_meant() -> None:
    assert read_span(None, None, TODAY) == Span(date(2026, 10, 25), TODAY)
    assert len(read_span(None, "2024-02-29", TODAY).days) == 30
    assert read_span("2026-11-23", None, TODAY).days == ("2026-11-23",)


def test_the_longest_span_is_taken_and_a_day_more_is_not() -> None:
    assert len(read_span("2025-10-20", "2026-11-23", TODAY).days) == MOST_DAYS
    with pytest.raises(InvalidRequest):
        read_span("2025-10-19", "2026-11-23", TODAY)


@pytest.mark.parametrize(
    ("first", "last", "param"),
    [
        ("2016-11-23", None, "from"),
        ("2026-11-24", "2026-11-23", "from"),
        ("2026-11-24", None, "from"),
        (None, "0001-01-02", "to"),
        ("0001-01-01", "0001-01-02", "to"),
        (None, "9999-12-31", "to"),
        ("-2026-11-23", None, "from"),
        ("20261123", None, "from"),
        ("2026-W47-1", None, "from"),
        ("2026-02-30", None, "from"),
        ("\u0662\u0660\u0662\u0666-11-23", None, "from"),
        ("2026-11-23T00:00", None, "from"),
        ("", None, "from"),
        ("yesterday", None, "from"),
    ],
)
def test_i07_spans_without_sense_or_end_are_refused(
    first: str | None, last: str | None, param: str
) -> None:
    """I-07."""
    with pytest.raises(InvalidRequest) as refused:
        read_span(first, last, TODAY)
    assert refused.value.param == param


def test_groups_are_some_of_those_known_each_once() -> None:
    assert read_groups("b,a", ("a", "b")) == ["b", "a"]
    for text in ("", "c", "a,a", "a,", "a b", "a,c"):
        with pytest.raises(InvalidRequest):
            read_groups(text, ("a", "b"))
