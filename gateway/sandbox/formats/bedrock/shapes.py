"""Shapes of the service model, and what AWS's front door says of values that do not fit them.

Constraints that are broken are collected and reported together, with one-based places such as
`messages.1.member.content.2.member.text`. Members nobody knows are refused in the words Bedrock's
models use for them; the real front door passes over some of them in silence, but here a member that
leaked from another vendor's format must show.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.formats.bedrock.refusals import refuse, refuse_unreadable

Path = tuple[str | int, ...]


class Findings:
    """What is wrong with a request, in the order it was found."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.unknown: list[str] = []
        self.empty: list[str] = []

    def note(self, value: Any, path: Path, demand: str) -> None:
        """Note a constraint that is broken. Long values and those of messages are not shown."""
        shown = "null" if value is None else f"'{value}'"
        hidden = value is not None and (path[0] == "messages" or len(shown) > 64)
        what = "Value" if hidden else f"Value {shown}"
        place = write_place(path)
        self.broken.append(
            f"{what} at '{place}' failed to satisfy constraint: Member must {demand}"
        )

    def verdict(self) -> Refused | None:
        """Return the refusal of what was found, None where all is well."""
        if self.unknown:
            listed = "; ".join(self.unknown)
            return refuse(
                f"Malformed input request: {listed}, please reformat your input and try again."
            )
        if self.broken:
            count = len(self.broken)
            errors = "validation error" if count == 1 else "validation errors"
            return refuse(f"{count} {errors} detected: {'; '.join(self.broken)}")
        return refuse(self.empty[0]) if self.empty else None


def write_place(path: Path) -> str:
    """Return a place the way the front door names it: counted from one."""
    return ".".join(f"{part + 1}.member" if isinstance(part, int) else part for part in path)


def write_spot(path: Path) -> str:
    """Return a place the way the service behind it names it: counted from zero."""
    return ".".join(str(part) for part in path)


Shape = Callable[[Any, Path, Findings], None]
Members = Mapping[str, Shape]


def _demand_type(value: Any, kind: type | tuple[type, ...], wanted: str) -> None:
    flag = isinstance(value, bool) and kind is not bool
    if flag or not isinstance(value, kind):
        found = next(name for known, name in _NAMES if isinstance(value, known))
        raise refuse_unreadable(f"{found} cannot be converted to {wanted}")


_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "TRUE_VALUE"),
    (int, "NUMBER_VALUE"),
    (float, "DECIMAL_VALUE"),
    (str, "STRING_VALUE"),
    (list, "START_ARRAY"),
    (dict, "START_OBJECT"),
    (object, "NULL_VALUE"),
)


def structure(members: Members, required: Collection[str] = ()) -> Shape:
    """Return the shape of an object with these members; null is the same as absent."""

    def check(value: Any, path: Path, findings: Findings) -> None:
        _demand_type(value, dict, "Structure")
        for name in value:
            if name not in members:
                spot = "/".join(str(part) for part in path)
                findings.unknown.append(f"#/{spot}: extraneous key [{name}] is not permitted")
        for name, shape in members.items():
            if value.get(name) is not None:
                shape(value[name], (*path, name), findings)
            elif name in required:
                findings.note(None, (*path, name), "not be null")

    return check


def union(name: str, members: Members) -> Shape:
    """Return the shape of an object that has exactly one of these members."""

    def check(value: Any, path: Path, findings: Findings) -> None:
        structure(members)(value, path, findings)
        given = [key for key in value if value[key] is not None and key in members]
        if len(given) != 1:
            findings.empty.append(
                f"The {name} object at {write_spot(path)} must set one of the following keys: "
                f"{', '.join(members)}."
            )

    return check


def list_of(shape: Shape, least: int = 0, most: int | None = None) -> Shape:
    """Return the shape of a list of bounded length."""

    def check(value: Any, path: Path, findings: Findings) -> None:
        _demand_type(value, list, "List")
        _check_length(value, path, findings, (least, most))
        for at, one in enumerate(value):
            if one is None:
                findings.note(None, (*path, at), "not be null")
            else:
                shape(one, (*path, at), findings)

    return check


def text(
    least: int = 0, most: int | None = None, pattern: str = "", words: Collection[str] = ()
) -> Shape:
    """Return the shape of a string."""
    compiled = re.compile(pattern, re.DOTALL) if pattern else None

    def check(value: Any, path: Path, findings: Findings) -> None:
        _demand_type(value, str, "String")
        if compiled is not None and not compiled.fullmatch(value):
            findings.note(value, path, f"satisfy regular expression pattern: {pattern}")
        if words and value not in words:
            findings.note(value, path, f"satisfy enum value set: [{', '.join(words)}]")
        _check_length(value, path, findings, (least, most))

    return check


def _check_length(
    value: Any, path: Path, findings: Findings, bounds: tuple[int, int | None]
) -> None:
    least, most = bounds
    if len(value) < least:
        findings.note(value, path, f"have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        findings.note(value, path, f"have length less than or equal to {most}")


def number(low: float, high: float | None = None, *, whole: bool = False) -> Shape:
    """Return the shape of a number within bounds."""

    def check(value: Any, path: Path, findings: Findings) -> None:
        _demand_type(value, int if whole else (int, float), "Integer" if whole else "Float")
        if value < low:
            findings.note(value, path, f"have value greater than or equal to {low}")
        if high is not None and value > high:
            findings.note(value, path, f"have value less than or equal to {high}")

    return check


def flag(value: Any, _path: Path, _findings: Findings) -> None:
    """Accept true and false."""
    _demand_type(value, bool, "Boolean")


def document(_value: Any, _path: Path, _findings: Findings) -> None:
    """Accept any JSON: a document type."""


def blob(value: Any, path: Path, findings: Findings) -> None:
    """Accept bytes in base64."""
    _demand_type(value, str, "Blob")
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise refuse_unreadable("The value is not valid base64") from broken
    _check_length(value, path, findings, (1, None))


def map_of(key: Shape, shape: Shape, most: int) -> Shape:
    """Return the shape of a map."""

    def check(value: Any, path: Path, findings: Findings) -> None:
        _demand_type(value, dict, "Map")
        _check_length(value, path, findings, (1, most))
        for name, one in value.items():
            key(name, path, findings)
            shape(one, (*path, name), findings)

    return check
