"""Reads single members of a JSON object with checks; every fault names the path of the member.

Null and absent mean the same everywhere: the client did not set the value.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from gateway.errors import InvalidRequest
from gateway.types.chat import NO_EXTRA, Extra

MAX_MEMBERS = 1_000
MAX_NAME_LENGTH = 256
_CONTROL = frozenset(map(chr, [*range(0x20), 0x7F]))
_KINDS: Mapping[type, str] = MappingProxyType(
    {
        bool: "a boolean",
        dict: "an object",
        float: "a number",
        int: "an integer",
        list: "an array",
        str: "a string",
    }
)


def at(path: str, name: str) -> str:
    """Return the path of a member: `at("messages[0]", "role")` is `messages[0].role`."""
    return f"{path}.{name}" if path else name


def fail(path: str, message: str, code: str = "invalid_value") -> NoReturn:
    """Raise InvalidRequest for the member at `path`."""
    raise InvalidRequest(message, param=path or None, code=code)


def fail_type(path: str, wanted: str, value: object) -> NoReturn:
    """Raise InvalidRequest: the member at `path` has the wrong type; `wanted` says which is right."""
    kind = _KINDS.get(type(value), "null")
    fail(path, f"'{path}' must be {wanted}, but is {kind}.", "invalid_type")


def fail_missing(path: str, cure: str) -> NoReturn:
    """Raise InvalidRequest: a required member is absent; `cure` is a sentence that says what to do."""
    fail(path, f"'{path}' is missing. {cure}", "missing_required_parameter")


def read_object(node: Mapping[str, Any], name: str, path: str = "") -> dict[str, Any] | None:
    """Return an object member."""
    value = node.get(name)
    if value is None or isinstance(value, dict):
        return value
    fail_type(at(path, name), "an object", value)


def read_array(
    node: Mapping[str, Any], name: str, path: str = "", *, most: int | None = None
) -> list[Any] | None:
    """Return an array member of at most `most` items."""
    value = node.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        fail_type(at(path, name), "an array", value)
    if most is not None and len(value) > most:
        fail(at(path, name), f"'{at(path, name)}' has more than {most} items.", "array_too_long")
    return value


def read_string(node: Mapping[str, Any], name: str, path: str = "") -> str | None:
    """Return a string member with any content."""
    value = node.get(name)
    if value is None or isinstance(value, str):
        return value
    fail_type(at(path, name), "a string", value)


def read_name(
    node: Mapping[str, Any], name: str, path: str = "", *, most: int | None = None
) -> str | None:
    """Return a string member that names something: no control characters, at most `most` long."""
    value = read_string(node, name, path)
    if value is not None:
        check_name(value, at(path, name), most)
    return value


def check_name(value: str, path: str, most: int | None = None) -> None:
    """Refuse a name with control characters (CR, LF, NUL, …), or longer than `most`."""
    if not value.isprintable() and not _CONTROL.isdisjoint(value):
        fail(path, f"'{path}' must not contain control characters.")
    if most is not None and len(value) > most:
        fail(path, f"'{path}' is longer than {most} characters.", "string_too_long")


def read_choice(
    node: Mapping[str, Any], name: str, allowed: Iterable[str], path: str = ""
) -> str | None:
    """Return a string member that is one of `allowed`."""
    value = read_string(node, name, path)
    if value is None or value in allowed:
        return value
    here = at(path, name)
    fail(here, f"'{here}' must be one of {', '.join(sorted(allowed))}.")


def read_bool(node: Mapping[str, Any], name: str, path: str = "") -> bool | None:
    """Return a boolean member."""
    value = node.get(name)
    if value is None or isinstance(value, bool):
        return value
    fail_type(at(path, name), "true or false", value)


def read_int(
    node: Mapping[str, Any],
    name: str,
    path: str = "",
    *,
    least: int | None = None,
    most: int | None = None,
) -> int | None:
    """Return an integer member within `least` and `most`, both included."""
    value = node.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        fail_type(at(path, name), "an integer", value)
    _check_range(value, at(path, name), least, most)
    return value


def read_number(
    node: Mapping[str, Any],
    name: str,
    path: str = "",
    *,
    least: float | None = None,
    most: float | None = None,
) -> float | None:
    """Return a number member within `least` and `most`, both included; an integer stays one."""
    value = node.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        fail_type(at(path, name), "a number", value)
    _check_range(value, at(path, name), least, most)
    return value


def read_rest(node: Mapping[str, Any], known: frozenset[str], path: str = "") -> Extra:
    """Return the members that are not `known` and not null, to be kept as they are."""
    if len(node) > MAX_MEMBERS:
        where = f"'{path}'" if path else "The body"
        fail(path, f"{where} has more than {MAX_MEMBERS} members.", "too_many_values")
    if node.keys() <= known:
        return NO_EXTRA
    rest = {name: v for name, v in node.items() if name not in known and v is not None}
    for name in rest:
        if len(name) > MAX_NAME_LENGTH:
            fail(path, f"A member's name is longer than {MAX_NAME_LENGTH} characters.")
    return rest or NO_EXTRA


def _check_range(value: float, path: str, least: float | None, most: float | None) -> None:
    if (least is None or value >= least) and (most is None or value <= most):
        return
    if most is None:
        fail(path, f"'{path}' must be at least {least}.")
    fail(path, f"'{path}' must be between {least} and {most}.")
