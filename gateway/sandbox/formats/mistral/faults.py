"""Validation as Mistral does it: every fault of a request is found, and all are reported at once.

The words are pydantic's, which the vendor passes on: `{"type", "loc", "msg", "input"}`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

Loc = tuple[str | int, ...]


class Faults:
    """What was found so far."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, kind: str, loc: Loc, text: str, value: Any, **context: Any) -> None:
        """Note a fault; `context` is what pydantic puts into `ctx`."""
        fault: dict[str, Any] = {"type": kind, "loc": list(loc), "msg": text, "input": value}
        if context:
            fault["ctx"] = context
        self.found.append(fault)


Rule = Callable[[Any, Loc, Faults], None]
Members = Mapping[str, Rule]


def anything(_value: Any, _loc: Loc, _faults: Faults) -> None:
    """Accept any value."""


def is_text(value: Any, loc: Loc, faults: Faults) -> None:
    """Accept text."""
    if not isinstance(value, str):
        faults.add("string_type", loc, "Input should be a valid string", value)


def is_flag(value: Any, loc: Loc, faults: Faults) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        faults.add("bool_type", loc, "Input should be a valid boolean", value)


def is_map(value: Any, loc: Loc, faults: Faults) -> None:
    """Accept an object."""
    if not isinstance(value, dict):
        faults.add("dict_type", loc, "Input should be a valid dictionary", value)


def number(low: float | None = None, high: float | None = None, *, whole: bool = False) -> Rule:
    """Return the rule of a number within bounds."""

    def check(value: Any, loc: Loc, faults: Faults) -> None:
        wanted = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, wanted):
            kind, name = ("int", "integer") if whole else ("float", "number")
            faults.add(f"{kind}_type", loc, f"Input should be a valid {name}", value)
        elif low is not None and value < low:
            text = f"Input should be greater than or equal to {low:g}"
            faults.add("greater_than_equal", loc, text, value, ge=low)
        elif high is not None and value > high:
            text = f"Input should be less than or equal to {high:g}"
            faults.add("less_than_equal", loc, text, value, le=high)

    return check


def one_of(*words: str) -> Rule:
    """Return the rule of a closed set of words."""
    quoted = [f"'{word}'" for word in words]
    listed = quoted[0] if len(words) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"

    def check(value: Any, loc: Loc, faults: Faults) -> None:
        if value not in words:
            faults.add("literal_error", loc, f"Input should be {listed}", value, expected=listed)

    return check


def nullable(rule: Rule) -> Rule:
    """Return a rule that lets null through as well."""

    def check(value: Any, loc: Loc, faults: Faults) -> None:
        if value is not None:
            rule(value, loc, faults)

    return check


def list_of(rule: Rule, least: int = 0) -> Rule:
    """Return the rule of a list of at least so many."""

    def check(value: Any, loc: Loc, faults: Faults) -> None:
        if not isinstance(value, list):
            faults.add("list_type", loc, "Input should be a valid list", value)
            return
        if len(value) < least:
            text = f"List should have at least {least} item after validation, not {len(value)}"
            faults.add("too_short", loc, text, value, min_length=least)
        for at, one in enumerate(value):
            rule(one, (*loc, at), faults)

    return check


def text_or(rule: Rule) -> Rule:
    """Return a rule that lets text through as well."""

    def check(value: Any, loc: Loc, faults: Faults) -> None:
        if not isinstance(value, str):
            rule(value, loc, faults)

    return check


def model(members: Members, required: Collection[str] = ()) -> Rule:
    """Return the rule of an object with these members and no others."""

    def check(value: Any, loc: Loc, faults: Faults) -> None:
        if not isinstance(value, dict):
            text = "Input should be a valid dictionary or object to extract fields from"
            faults.add("model_attributes_type", loc, text, value)
            return
        for name, rule in members.items():
            if name in value:
                rule(value[name], (*loc, name), faults)
            elif name in required:
                faults.add("missing", (*loc, name), "Field required", value)
        for name in value:
            if name not in members:
                text = "Extra inputs are not permitted"
                faults.add("extra_forbidden", (*loc, name), text, value[name])

    return check


def tagged(tag: str, models: Mapping[str, Rule]) -> Rule:
    """Return the rule of an object whose member `tag` says which of the models it is."""
    listed = ", ".join(f"'{name}'" for name in models)

    def check(value: Any, loc: Loc, faults: Faults) -> None:
        found = value.get(tag) if isinstance(value, dict) else None
        if found is None:
            text = f"Unable to extract tag using discriminator '{tag}'"
            faults.add("union_tag_not_found", loc, text, value, discriminator=f"'{tag}'")
        elif not isinstance(found, str) or found not in models:
            text = (
                f"Input tag '{found}' found using '{tag}' does not match any of the expected "
                f"tags: {listed}"
            )
            faults.add(
                "union_tag_invalid", loc, text, value,
                discriminator=f"'{tag}'", tag=str(found), expected_tags=listed,
            )  # fmt: skip
        else:
            models[found](value, (*loc, found), faults)

    return check
