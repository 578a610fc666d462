"""Rules for values, and what OpenAI says when one is broken. A rule takes the value and its path."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.sandbox.formats.openai.refusals import refuse

Rule = Callable[[Any, str], None]


def refuse_type(path: str, wanted: str, value: Any) -> Exception:
    """Return the refusal of a value of the wrong type."""
    text = f"Invalid type for '{path}': expected {wanted}, but got {_name(value)} instead."
    return refuse(text, path, "invalid_type")


def refuse_value(path: str, value: Any, allowed: Sequence[str]) -> Exception:
    """Return the refusal of a word that is not among those allowed."""
    words = [f"'{word}'" for word in allowed]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])}, and {words[-1]}"
    return refuse(
        f"Invalid value: '{value}'. Supported values are: {listed}.", path, "invalid_value"
    )


def refuse_missing(path: str) -> Exception:
    """Return the refusal of a request that lacks something."""
    return refuse(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def refuse_unknown(path: str) -> Exception:
    """Return the refusal of a member nobody knows."""
    return refuse(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def check_members(value: Mapping[str, Any], allowed: frozenset[str], path: str) -> None:
    """Refuse members that are not allowed: what leaks from another vendor's format shows here."""
    for name in value:
        if name not in allowed:
            raise refuse_unknown(f"{path}.{name}" if path else name)


def anything(_value: Any, _path: str) -> None:
    """Accept any value."""


def is_bool(value: Any, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise refuse_type(path, "a boolean", value)


def is_string(value: Any, path: str) -> None:
    """Accept text."""
    if not isinstance(value, str):
        raise refuse_type(path, "a string", value)


def is_object(value: Any, path: str) -> None:
    """Accept an object."""
    if not isinstance(value, dict):
        raise refuse_type(path, "an object", value)


def number(low: float, high: float) -> Rule:
    """Return the rule of a decimal within bounds."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse_type(path, "a decimal", value)
        _check_bounds("decimal", value, path, (low, high))

    return check


def integer(low: int, high: int) -> Rule:
    """Return the rule of an integer within bounds."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise refuse_type(path, "an integer", value)
        _check_bounds("integer", value, path, (low, high))

    return check


def one_of(*words: str) -> Rule:
    """Return the rule of a closed set of words."""

    def check(value: Any, path: str) -> None:
        is_string(value, path)
        if value not in words:
            raise refuse_value(path, value, words)

    return check


def array(low: int, high: int, rule: Rule = anything) -> Rule:
    """Return the rule of a list of bounded length."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise refuse_type(path, "an array", value)
        if len(value) < low:
            text = (
                f"Invalid '{path}': empty array. Expected an array with minimum length {low}, "
                "but got an empty array instead."
            )
            raise refuse(text, path, "empty_array")
        if len(value) > high:
            text = (
                f"Invalid '{path}': array too long. Expected an array with maximum length {high}, "
                f"but got an array with length {len(value)} instead."
            )
            raise refuse(text, path, "array_above_max_length")
        for at, item in enumerate(value):
            rule(item, f"{path}[{at}]")

    return check


def named(pattern: str, max_length: int) -> Rule:
    """Return the rule of a name: a pattern and a greatest length."""
    compiled = re.compile(pattern)

    def check(value: Any, path: str) -> None:
        is_string(value, path)
        if not compiled.fullmatch(value):
            text = (
                f"Invalid '{path}': string does not match pattern. "
                f"Expected a string that matches the pattern '{pattern}'."
            )
            raise refuse(text, path, "invalid_value")
        if len(value) > max_length:
            text = (
                f"Invalid '{path}': string too long. Expected a string with maximum length "
                f"{max_length}, but got a string with length {len(value)} instead."
            )
            raise refuse(text, path, "string_above_max_length")

    return check


def _check_bounds(kind: str, value: float, path: str, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if low <= value <= high:
        return
    side, bound, sign = (
        ("below minimum", low, ">=") if value < low else ("above maximum", high, "<=")
    )
    text = (
        f"Invalid '{path}': {kind} {side} value. "
        f"Expected a value {sign} {bound:g}, but got {value} instead."
    )
    code = "below_min_value" if value < low else "above_max_value"
    raise refuse(text, path, f"{kind}_{code}")


_NAMES = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a decimal"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)


def _name(value: Any) -> str:
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "null")
