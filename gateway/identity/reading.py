"""From parsed JSON to typed values, with the path of a fault as `param` and no value in a message."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from gateway.errors import InvalidRequest

T = TypeVar("T")
_AT_PATH: Final = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>.*)`$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"unknown field `(?P<name>.*)`$", re.DOTALL)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def read_as(body: Any, kind: type[T], prefix: str = "") -> T:
    """Narrow parsed JSON to a typed value.

    Raises InvalidRequest whose `param` is the path of the fault below `prefix`.
    """
    try:
        return msgspec.convert(body, kind, strict=True)
    except msgspec.ValidationError as error:
        message = str(error)
    found = _AT_PATH.search(message)
    path = found["path"].replace("[...]", "") if found else ""
    message = _AT_PATH.sub("", message)
    unknown = _UNKNOWN.search(message)
    if unknown is not None:
        raise unknown_member(join_path(prefix, path), unknown["name"])
    if message.startswith("Invalid enum value"):  # it would repeat the value
        message = "Not one of the values that are allowed here"
    raise InvalidRequest(f"{message}.", param=join_path(prefix, path) or None)


def unknown_member(place: str, name: str) -> InvalidRequest:
    """Return the error for a member we do not know, named if its name is harmless to repeat."""
    shown = name if _PLAIN_NAME.fullmatch(name) else ""
    param = join_path(place, shown)
    what = f" '{shown}'" if shown else ""
    return InvalidRequest(f"Unknown member{what}.", param=param or None)


def join_path(prefix: str, path: str) -> str:
    """Join two parts of a path with a dot, where both are there."""
    return ".".join(part for part in (prefix, path) if part)


def check_text(value: str, param: str, *, longest: int) -> str:
    """Return a one-line text of 1 to `longest` characters. Raises InvalidRequest."""
    if not 1 <= len(value) <= longest or _CONTROL.search(value):
        raise InvalidRequest(
            f"Must be 1 to {longest} characters without control characters.", param=param
        )
    return value


def check_size(value: Mapping[str, Any], param: str, *, max_bytes: int) -> None:
    """Raise InvalidRequest if a value's JSON is larger than `max_bytes`."""
    if len(msgspec.json.encode(value)) > max_bytes:
        raise InvalidRequest(f"Must be at most {max_bytes} bytes of JSON.", param=param)
