"""Calendar windows: which minute, day and month a moment lies in, and when they end. Pure.

The window is part of a counter's name, so nothing ever has to be reset.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo

from msgspec import Struct


class Window(Struct, frozen=True, array_like=True):
    """A span of time by its name in keys: from `start` on, up to before `end` (Unix seconds)."""

    name: str
    start: int
    end: int


class Windows(Struct, frozen=True, array_like=True):
    """The minute, day and month of one moment."""

    minute: Window
    day: Window
    month: Window

    @property
    def start(self) -> int:
        """The first second in which all of them hold."""
        return max(self.minute.start, self.day.start, self.month.start)

    @property
    def end(self) -> int:
        """The second from which one of them holds no more."""
        return min(self.minute.end, self.day.end, self.month.end)


def windows_at(now: float, zone: tzinfo) -> Windows:
    """Return the windows of a moment: a minute of UTC, a day and a month of the zone."""
    return Windows(minute_of(now), day_of(now, zone), month_of(now, zone))


def minute_of(now: float) -> Window:
    """Return the minute of UTC."""
    number = int(now // 60)
    return Window(f"m{number}", number * 60, (number + 1) * 60)


def day_of(now: float, zone: tzinfo) -> Window:
    """Return the calendar day in a time zone; with a change of the clocks it has 23 or 25 hours."""
    today = _date(now, zone)
    tomorrow = today + timedelta(days=1)
    return Window(f"d{today.isoformat()}", _midnight(today, zone), _midnight(tomorrow, zone))


def month_of(now: float, zone: tzinfo) -> Window:
    """Return the calendar month in a time zone."""
    first = _date(now, zone).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Window(f"M{first:%Y-%m}", _midnight(first, zone), _midnight(following, zone))


def _date(now: float, zone: tzinfo) -> date:
    return datetime.fromtimestamp(now, UTC).astimezone(zone).date()


def _midnight(day: date, zone: tzinfo) -> int:
    """Return when a day begins; where the clocks jump over midnight, when they jump."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
