"""Reads the members of a record, each by its type. Pure; messages say the cure, never the value.

Texts are kept byte for byte as they were written: line breaks, bidirectional and zero-width
characters, tag characters, template and role markup included. Only what no JSON text can carry
whole, or a provider refuses, is turned away: NUL and lone surrogates.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.types.context import Field, FieldType
from gateway.wire.fields import fail, fail_missing, fail_type

MOST_TAGS: Final = 50
LARGEST_NUMBER: Final = 10**15
"""Whole numbers up to here are exact in every JSON reader, which take them for doubles."""

_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def read_field(field: Field, value: Any, param: str) -> Any:
    """Return the value of a member, None where it says nothing: null, a blank text, no tags.

    Raises InvalidRequest for a wrong type, length or bound, and where a required member is absent.
    """
    read = None if value is None else _READERS[field.type](field, value, param)
    if read is None and field.required:
        fail_missing(param, f"Give {_WANTED[field.type]}.")
    return read


def check_text(value: str, param: str, longest: int) -> None:
    """Refuse a text that is longer than `longest` characters, or cannot be sent on whole."""
    if len(value) > longest:
        fail(
            param,
            f"'{param}' has {len(value)} characters; at most {longest} are allowed. Shorten it, "
            "or split it into several records.",
            "string_too_long",
        )
    if "\0" in value or not is_unicode(value):
        fail(param, f"'{param}' holds a NUL character or half of a surrogate pair. Remove it.")


def check_number(value: float, param: str, least: float | None, most: float | None) -> None:
    """Refuse a number beyond its bounds, or beyond what every JSON reader reads alike."""
    least = -LARGEST_NUMBER if least is None else least
    most = LARGEST_NUMBER if most is None else most
    # Asked this way round, because nothing is true of a NaN.
    if not least <= value <= most:
        fail(param, f"'{param}' must be a number from {least:.15g} to {most:.15g}.")


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_text(field: Field, value: Any, param: str) -> str | None:
    if not isinstance(value, str):
        fail_type(param, "a string", value)
    check_text(value, param, field.max_length)
    return value if value.strip() else None


def _read_number(field: Field, value: Any, param: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        fail_type(param, "a number", value)
    check_number(value, param, field.minimum, field.maximum)
    return value


def _read_boolean(_field: Field, value: Any, param: str) -> bool:
    if not isinstance(value, bool):
        fail_type(param, "true or false", value)
    return value


def _read_tags(field: Field, value: Any, param: str) -> list[str] | None:
    if not isinstance(value, list):
        fail_type(param, "an array of strings", value)
    if len(value) > MOST_TAGS:
        fail(param, f"'{param}' has more than {MOST_TAGS} items.", "array_too_long")
    for place, tag in enumerate(value):
        here = f"{param}[{place}]"
        if not isinstance(tag, str):
            fail_type(here, "a string", tag)
        check_text(tag, here, field.max_length)
        if not tag.strip():
            fail(here, f"'{here}' is blank. Leave it out.")
    return value or None


def _read_time(_field: Field, value: Any, param: str) -> str:
    if not isinstance(value, str):
        fail_type(param, "a string", value)
    if not _TIME.fullmatch(value):
        fail(param, f"'{param}' must be a time of day as HH:MM, from 00:00 to 23:59.")
    return value


_READERS: Final[Mapping[FieldType, Callable[[Field, Any, str], Any]]] = MappingProxyType(
    {
        FieldType.TEXT: _read_text,
        FieldType.NUMBER: _read_number,
        FieldType.BOOLEAN: _read_boolean,
        FieldType.TAGS: _read_tags,
        FieldType.TIME: _read_time,
    }
)
_WANTED: Final[Mapping[FieldType, str]] = MappingProxyType(
    {
        FieldType.TEXT: "a text that is not blank",
        FieldType.NUMBER: "a number",
        FieldType.BOOLEAN: "true or false",
        FieldType.TAGS: "an array of texts",
        FieldType.TIME: "a time of day as HH:MM",
    }
)
