"""Which days of usage are asked for: read from text, with bounds. Pure."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from gateway.errors import InvalidRequest

MOST_DAYS: Final = 400
DEFAULT_DAYS: Final = 30
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2999, 12, 31)


class Span(Struct, frozen=True):
    """Days in UTC, both included."""

    first: date
    last: date

    @property
    def days(self) -> tuple[str, ...]:
        """The days, as `YYYY-MM-DD`."""
        return days_between(self.first, self.last)


def read_span(first: str | None, last: str | None, today: date) -> Span:
    """Return the days from `first` to `last`; without them, the 30 days up to today.

    Raises InvalidRequest, also for a span of more than 400 days.
    """
    end = today if last is None else read_day(last, "to")
    begin = end - timedelta(days=DEFAULT_DAYS - 1) if first is None else read_day(first, "from")
    if begin > end:
        raise InvalidRequest("'from' lies after 'to'.", param="from")
    if (end - begin).days >= MOST_DAYS:
        raise InvalidRequest(f"At most {MOST_DAYS} days at a time.", param="from")
    return Span(begin, end)


def read_day(text: str, param: str) -> date:
    """Return a day written `YYYY-MM-DD`, of this millennium. Raises InvalidRequest."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not _EARLIEST <= day <= _LATEST:
        raise InvalidRequest("Write a day as YYYY-MM-DD.", param=param)
    return day


def read_groups(text: str, known: Sequence[str]) -> list[str]:
    """Return what to group by: some of `known`, each once. Raises InvalidRequest."""
    groups = text.split(",")
    if not set(groups) <= set(known) or len(set(groups)) != len(groups):
        raise InvalidRequest(
            f"'group_by' is one or more of {', '.join(known)}, joined by commas.",
            param="group_by",
        )
    return groups


def days_between(first: date, last: date) -> tuple[str, ...]:
    """Return the days from `first` to `last`, both included, as `YYYY-MM-DD`."""
    return tuple((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))
