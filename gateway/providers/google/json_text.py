"""JSON in and out where orjson alone would alter it or refuse it."""

import json
import re
from typing import Any

import orjson

_MOST_DIGITS = 64  # of an integer that may still be one
_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"[:\[,\s]-?\d{19}")
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def load(data: bytes) -> Any:
    """Parse JSON; None for what is none.

    Integers beyond 64 bits are kept whole, and half of a surrogate pair, as servers send it that
    cut text anywhere, becomes a replacement character.
    """
    try:
        if _LONG_NUMBER.search(data):
            return json.loads(data, parse_int=_integer)
        return orjson.loads(data)
    except (ValueError, RecursionError):
        return _load_mended(data)


def dump(value: Any) -> str:
    """Write JSON without white space, whatever the size of its integers."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def storable(value: Any) -> Any:
    """Return JSON that any writer can write again: integers beyond 64 bits become fractions."""
    try:
        orjson.dumps(value)
    except TypeError:
        return orjson.loads(dump(value))
    return value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _load_mended(data: bytes) -> Any:
    def mend(found: re.Match[bytes]) -> bytes:
        return b"\\ufffd" if len(found[0]) == 6 else found[0]

    try:
        return orjson.loads(_SURROGATES.sub(mend, data.removeprefix(_BOM)))
    except ValueError:
        return None
