"""Calendar windows: they follow each other without a gap, in every zone, whatever clocks do."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, strategies as st

from gateway.accounting.limits.windows import day_of, minute_of, month_of, windows_at

MOMENTS = st.floats(datetime(2020, 1, 1, tzinfo=UTC).timestamp(), 4_000_000_000)
ZONES = st.sampled_from(sorted(available_timezones()))


@given(MOMENTS, ZONES)
def test_a_moment_lies_in_its_windows_and_the_next_ones_begin_where_they_end(
    now: float, name: str
) -> None:
    zone = ZoneInfo(name)
    for window_of in (day_of, month_of):
        window = window_of(now, zone)
        assert window.start <= now < window.end
        assert window_of(window.start, zone) == window_of(window.end - 1, zone) == window
        following = window_of(window.end, zone)
        assert following.start == window.end
        assert following.name > window.name
    assert minute_of(now).start <= now < minute_of(now).end


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("Africa/Cairo", (2026, 4, 24), 23),  # the clocks jump over midnight itself
        ("America/Havana", (2026, 11, 1), 25),  # midnight comes twice
        ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
        ("Asia/Kathmandu", (2026, 6, 1), 24),
    ],
)
def test_a_day_with_a_change_of_clocks_is_one_day(
    zone: str, day: tuple[int, int, int], hours: float
) -> None:
    noon = datetime(*day, 12, tzinfo=ZoneInfo(zone)).timestamp()
    window = day_of(noon, ZoneInfo(zone))
    assert window.end - window.start == hours * 3600
    assert window.name == "d{:04}-{:02}-{:02}".format(*day)


@pytest.mark.parametrize(
    ("now", "name", "days"),
    [
        (datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), "M2026-02", 28),
        (datetime(2028, 2, 29, tzinfo=UTC), "M2028-02", 29),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "M2026-12", 31),
        (datetime(2027, 1, 1, tzinfo=UTC), "M2027-01", 31),
    ],
)
def test_months_have_the_days_of_the_calendar(now: datetime, name: str, days: int) -> None:
    window = month_of(now.timestamp(), UTC)
    assert (window.name, window.end - window.start) == (name, days * 86_400)


def test_a_month_ends_at_the_zones_midnight_and_not_at_that_of_utc() -> None:
    now = datetime(2026, 1, 31, 23, 30, tzinfo=UTC).timestamp()
    assert month_of(now, UTC).name == "M2026-01"
    assert month_of(now, ZoneInfo("Europe/Berlin")).name == "M2026-02"


def test_windows_hold_together_for_as_long_as_each_of_them() -> None:
    now = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC).timestamp()
    windows = windows_at(now, UTC)
    assert (windows.start, windows.end) == (windows.minute.start, windows.minute.end)
    assert windows.end == windows.day.end == windows.month.end
