"""The profile: who the user is, in their own words. One record, validated when written. Pure."""

from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.context.fields import check_number, check_text, is_unicode
from gateway.errors import InvalidRequest
from gateway.types.context import Record
from gateway.types.json import JsonObject

PROFILE_ID = "profile"
MOST_FIELDS = 50
MOST_CHARACTERS = 2_000
_LONGEST_NAME = 64
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

    Null and a blank text mean that there is none. Raises InvalidRequest naming the member and the
    cure.
    """
    for place, (name, value) in enumerate(body.items()):
        _check_name(name)
        if place >= MOST_FIELDS:
            raise InvalidRequest(f"A profile has at most {MOST_FIELDS} members.", param=name)
        _check_value(name, value)
    said = {name: value for name, value in body.items() if not _is_blank(value)}
    timezone = said.get("timezone")
    if timezone is not None and not is_timezone(timezone):
        raise InvalidRequest(
            "Unknown time zone. Use an IANA name such as 'Europe/Berlin'.", param="timezone"
        )
    known = {name: said.get(name) for name in _KNOWN}
    return Profile(**known, fields={k: v for k, v in said.items() if k not in _KNOWN})


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


def profile_record(profile: Profile) -> Record:
    """Return the profile as the one record of its kind, its members in their order."""
    return Record(PROFILE_ID, None, public_profile(profile))


def profile_of(record: Record) -> Profile:
    """Return the profile that `profile_record` made a record of."""
    known = {name: record.fields.get(name) for name in _KNOWN}
    return Profile(**known, fields={k: v for k, v in record.fields.items() if k not in _KNOWN})


def _check_name(name: str) -> None:
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        shown = name[:_LONGEST_NAME] if name and is_unicode(name) else "…"
        raise InvalidRequest("A member's name has 1 to 64 printable characters.", param=shown)


def _check_value(name: str, value: Any) -> None:
    if name in _KNOWN and not isinstance(value, str | None):
        raise InvalidRequest(f"'{name}' must be a string.", param=name)
    if not isinstance(value, str | int | float | bool | None):
        raise InvalidRequest(
            "A profile's members are strings, numbers or booleans; write lists as one string.",
            param=name,
        )
    if isinstance(value, str):
        check_text(value, name, MOST_CHARACTERS)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        check_number(value, name, None, None)


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
