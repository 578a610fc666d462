"""Rules for values, and what Anthropic says when one is broken. A rule takes the value and its path."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from gateway.sandbox.formats.anthropic.refusals import refuse, refuse_extra, refuse_missing

Rule = Callable[[Any, str], None]


def check_members(value: Mapping[str, Any], allowed: Collection[str], path: str) -> None:
    """Refuse members that are not allowed: what leaks from another vendor's format shows here."""
    for name in value:
        if name not in allowed:
            raise refuse_extra(f"{path}.{name}" if path else name)


def demand(value: Mapping[str, Any], name: str, path: str, rule: Rule) -> Any:
    """Return a member that must be there and obey its rule."""
    if name not in value:
        raise refuse_missing(f"{path}.{name}")
    rule(value[name], f"{path}.{name}")
    return value[name]


def anything(_value: Any, _path: str) -> None:
    """Accept any value."""


def is_string(value: Any, path: str) -> None:
    """Accept text."""
    if not isinstance(value, str):
        raise refuse(f"{path}: Input should be a valid string")


def is_bool(value: Any, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise refuse(f"{path}: Input should be a valid boolean")


def is_list(value: Any, path: str) -> None:
    """Accept a list."""
    if not isinstance(value, list):
        raise refuse(f"{path}: Input should be a valid list")


def is_object(value: Any, path: str) -> None:
    """Accept an object."""
    if not isinstance(value, dict):
        raise refuse(f"{path}: Input should be a valid dictionary")


def number(low: float, high: float | None = None, *, whole: bool = False) -> Rule:
    """Return the rule of a number within bounds."""

    def check(value: Any, path: str) -> None:
        wanted = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise refuse(f"{path}: Input should be a valid {'integer' if whole else 'number'}")
        if value < low:
            raise refuse(f"{path}: Input should be greater than or equal to {low:g}")
        if high is not None and value > high:
            raise refuse(f"{path}: Input should be less than or equal to {high:g}")

    return check


def one_of(*words: str) -> Rule:
    """Return the rule of a closed set of words."""

    def check(value: Any, path: str) -> None:
        if value not in words:
            listed = ", ".join(f"'{word}'" for word in words[:-1]) + f" or '{words[-1]}'"
            raise refuse(f"{path}: Input should be {listed}")

    return check


def read_cache_mark(holder: Mapping[str, Any], path: str) -> str | None:
    """Return the lifetime of a `cache_control` marker, None without one. Raises Refused."""
    mark = holder.get("cache_control")
    if mark is None:
        return None
    path = f"{path}.cache_control" if path else "cache_control"
    is_object(mark, path)
    demand(mark, "type", path, one_of("ephemeral", "ephemeral"))
    check_members(mark, ("type", "ttl"), f"{path}.ephemeral")
    if mark.get("ttl") is None:
        return "5m"
    one_of("5m", "1h")(mark["ttl"], f"{path}.ephemeral.ttl")
    return str(mark["ttl"])


def check_closed(schema: Any, path: str) -> None:
    """Refuse a schema that structured output cannot use: an open object, bounds of numbers."""
    if isinstance(schema, list):
        for one in schema:
            check_closed(one, path)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        text = "For 'object' type, 'additionalProperties' must be explicitly set to false"
        raise refuse(f"{path}: {text}")
    bounds = ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf")
    found = [name for name in bounds if name in schema and kind in ("integer", "number")]
    if found:
        listed = ", ".join(found)
        raise refuse(f"{path}: For '{kind}' type, properties {listed} are not supported")
    for word in ("properties", "$defs", "definitions"):
        inner = schema.get(word)
        check_closed(list(inner.values()) if isinstance(inner, dict) else None, path)
    for word in ("items", "anyOf", "allOf"):
        check_closed(schema.get(word), path)
