"""Rules for values, and what Cohere says when one is broken. A rule takes the value and its path."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from gateway.sandbox.formats.cohere.refusals import refuse, refuse_type, refuse_unknown

Rule = Callable[[Any, str], None]


def check_members(value: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse members that are not allowed: what leaks from another vendor's format shows here."""
    for name in value:
        if name not in allowed:
            raise refuse_unknown(name)


def anything(_value: Any, _path: str) -> None:
    """Accept any value."""


def is_bool(value: Any, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise refuse_type(path, value, "bool")


def is_string(value: Any, path: str) -> None:
    """Accept text."""
    if not isinstance(value, str):
        raise refuse_type(path, value, "string")


def is_object(value: Any, path: str) -> None:
    """Accept an object."""
    if not isinstance(value, dict):
        raise refuse_type(path, value, "Object")


def is_array(value: Any, path: str) -> None:
    """Accept a list."""
    if not isinstance(value, list):
        raise refuse_type(path, value, "array")


def number(low: float, high: float, *, whole: bool = False) -> Rule:
    """Return the rule of a number within bounds."""

    def check(value: Any, path: str) -> None:
        wanted = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise refuse_type(path, value, "int32" if whole else "float64")
        if not low <= value <= high:
            raise refuse(f"invalid request: {path} must be between {low} and {high} inclusive.")

    return check


def one_of(*words: str) -> Rule:
    """Return the rule of a closed set of words."""

    def check(value: Any, path: str) -> None:
        is_string(value, path)
        if value not in words:
            listed = ", ".join(f"'{word}'" for word in words)
            raise refuse(f"invalid request: {path} must be one of {listed}.")

    return check


def array(most: int, rule: Rule) -> Rule:
    """Return the rule of a list of bounded length."""

    def check(value: Any, path: str) -> None:
        is_array(value, path)
        if len(value) > most:
            raise refuse(
                f"invalid request: total number of {path} must be at most {most} - "
                f"received {len(value)}"
            )
        for one in value:
            rule(one, path)

    return check


def demand(value: Mapping[str, Any], name: str, path: str, rule: Rule) -> Any:
    """Return a member that must be there and obey its rule."""
    if value.get(name) is None:
        raise refuse(f"invalid request: {path}.{name} is required")
    rule(value[name], f"{path}.{name}")
    return value[name]
