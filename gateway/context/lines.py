"""Writes one record as the text it has in the block. Pure.

Its tokens are counted when the record is written, so a record's line is made of the record and its
kind alone: nothing of today, of its neighbours or of the request is in it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gateway.context.layout import indent
from gateway.context.profile import Profile
from gateway.types.context import FieldType, Kind, Record

PROFILE: Final = "profile"
DATE: Final = "date"
_INLINE: Final = frozenset({"habits"})
_EXACT: Final = 10.0**15  # whole numbers up to here are exact as floats
Fields = Mapping[str, Any]


def line_of(kind: Kind, record: Record) -> str:
    """Return the text of a record, without its day.

    Its first line stands behind a dash, and the others are indented; where `is_inline`, the records
    of a day are joined first. Fields that the kind does not have are left out.
    """
    write = _WRITERS.get(kind.name)
    text = write(record.fields) if write else _any_fields(kind, record.fields)
    return text if kind.name in _INLINE else text_line(text)


def inline(header: str, lines: Sequence[str]) -> str:
    """Return the records of a day on one line, behind the day."""
    return indent(f"{header} {'; '.join(lines)}")


def text_line(text: str) -> str:
    """Return a text as a line of its own: a pattern, a derived recap, a member of the profile."""
    return f"- {indent(text)}"


def profile_lines(profile: Profile) -> str:
    """Return the text of the profile, without its heading: the known fields, then the others.

    Empty for a profile without a field.
    """
    known = {"Name": profile.name, "Time zone": profile.timezone, "Locale": profile.locale}
    lines = [text_line(f"{label}: {value}") for label, value in known.items() if value]
    lines += [text_line(f"{name}: {plain(value)}") for name, value in profile.fields.items()]
    return "\n".join(lines)


def is_inline(kind: Kind) -> bool:
    """Whether all records of a day stand on one line, behind the day."""
    return kind.name in _INLINE


def time_field(kind: Kind) -> str | None:
    """Return the name of the field that orders the records of a day, None if there is none."""
    return next((field.name for field in kind.fields if field.type is FieldType.TIME), None)


def plain(value: Any) -> str:
    """Return a field's value as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    return ", ".join(map(plain, value)) if isinstance(value, list | tuple) else str(value)


def _pillar(fields: Fields) -> str:
    score = fields.get("score")
    name = fields.get("name", "")
    return _noted(name if score is None else f"{name}: {plain(score)}", fields)


def _feel(fields: Fields) -> str:
    mood = fields.get("mood")
    words = [fields.get("time"), None if mood is None else f"mood {plain(mood)}"]
    head = " ".join(filter(None, words))
    label = fields.get("label")
    if label:
        head = f"{head}{' ' if mood is None else ', '}{label}" if head else label
    return _noted(head, fields)


def _text(fields: Fields) -> str:
    """Write an entry or a recap: `08:10 Title [tag, tag]: text`."""
    tags = fields.get("tags")
    words = [fields.get("time"), fields.get("title"), f"[{plain(tags)}]" if tags else None]
    head = " ".join(filter(None, words))
    text = fields.get("text", "")
    return f"{head}: {text}" if head else text


def _habit(fields: Fields) -> str:
    amount = fields.get("amount")
    unit = fields.get("unit")
    said = "" if amount is None else plain(amount) + (f" {unit}" if unit else "")
    if fields.get("done") is False:
        said = f"no, {said}" if said else "no"
    return _noted(f"{fields.get('habit', '')}: {said or 'yes'}", fields)


def _noted(head: str, fields: Fields) -> str:
    note = fields.get("note")
    if not note:
        return head
    return f"{head} ({note})" if head else note


def _any_fields(kind: Kind, fields: Fields) -> str:
    """Write a kind of the operator's: its fields in the order in which the kind declares them."""
    found = ((field.name, fields.get(field.name)) for field in kind.fields)
    return "; ".join(f"{name}: {plain(value)}" for name, value in found if value is not None)


_WRITERS: Final[Mapping[str, Callable[[Fields], str]]] = MappingProxyType(
    {
        "pillars": _pillar,
        "feels": _feel,
        "entries": _text,
        "weekly_recaps": _text,
        "habits": _habit,
    }
)
