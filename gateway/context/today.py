"""What day it is for a user. Pure: the time is an argument."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from gateway.context.profile import Profile, is_timezone


def timezone_of(profile: Profile | None, preferred: str) -> str:
    """Return the user's IANA time zone: the profile's, else the preferences', else UTC."""
    said = profile.timezone if profile is not None and profile.timezone else preferred
    return said if is_timezone(said) else "UTC"


def today_in(timezone: str, now: float) -> date:
    """Return the date in an IANA time zone. `now` is wall-clock."""
    return datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(timezone)).date()
