"""The profile: who the user is, in their own words. One record, validated when written. Pure."""

from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.types.json import JsonObject

MOST_FIELDS = 50
MOST_CHARACTERS = 2_000
_KNOWN = ("name", "timezone", "locale")
Value = str | int | float | bool


class Profile(Struct, frozen=True):
    """Name, IANA time zone, BCP 47 locale, and free fields in the order they were given."""

    name: str | None = None
    timezone: str | None = None
    locale: str | None = None
    fields: dict[str, Value] = {}


def read_profile(body: JsonObject) -> Profile:
    """Validate a profile as the API takes it: known members, and free ones of simple values.

    Raises InvalidRequest naming the member and the cure.
    """
    if len(body) > MOST_FIELDS:
        raise InvalidRequest(f"A profile has at most {MOST_FIELDS} members.", param="")
    for name, value in body.items():
        _check_member(name, value)
    timezone = body.get("timezone")
    if timezone is not None and not is_timezone(timezone):
        raise InvalidRequest(
            "Unknown time zone. Use an IANA name such as 'Europe/Berlin'.", param="timezone"
        )
    known = {name: body.get(name) for name in _KNOWN}
    free = {k: v for k, v in body.items() if k not in _KNOWN and v is not None}
    return Profile(**known, fields=free)


def is_timezone(name: str) -> bool:
    """Whether `name` is an IANA time zone this machine knows."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError: see below
        return False
    except KeyError:
        return False
    return True


def public_profile(profile: Profile) -> JsonObject:
    """Return the profile as it was written."""
    known = {name: getattr(profile, name) for name in _KNOWN}
    return {**{k: v for k, v in known.items() if v is not None}, **profile.fields}


def _check_member(name: str, value: Any) -> None:
    if not name or len(name) > 64 or not name.isprintable():
        raise InvalidRequest("A member's name has 1 to 64 printable characters.", param=name[:64])
    if name in _KNOWN and not isinstance(value, str | None):
        raise InvalidRequest(f"'{name}' must be a string.", param=name)
    if not isinstance(value, str | int | float | bool | None):
        raise InvalidRequest(
            "A profile's members are strings, numbers or booleans; write lists as one string.",
            param=name,
        )
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        raise InvalidRequest(
            f"A member has at most {MOST_CHARACTERS} characters; this has {len(value)}.",
            param=name,
        )
