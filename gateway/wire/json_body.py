"""Reads a request body as strict JSON, refusing what a parser would alter or choke on.

What is forwarded upstream is always written anew from the parsed value, so of a duplicate key the
last one counts, for us as for the provider: nothing can be authorised as one thing and sent as
another. Messages name a position, never content.
"""

import json
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.types.json import JsonObject

MAX_DEPTH = 64
MAX_CONTAINERS = 500_000
"""Most `{` or `[` in a body, counted without looking where they stand; more than any model reads."""

_BOM = b"\xef\xbb\xbf"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_DIGITS_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19  # the shortest run of digits that may not fit into 64 bits
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1
_NUL_ESCAPE = b"\\u0000"


def read_json_object(body: bytes, max_depth: int = MAX_DEPTH) -> JsonObject:
    """Return the body's object.

    Raises InvalidRequest: code `invalid_json` for what is no JSON, no UTF-8 or no object,
    `too_deep` beyond `max_depth` nested containers, `too_many_values`, and `number_out_of_range`
    for integers beyond 64 bits, which would reach the provider altered. Fractions are IEEE doubles,
    as everywhere.
    """
    _check_structure(body, max_depth)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(body, error) from None
    if not isinstance(value, dict):
        raise InvalidRequest(
            'The body must be a JSON object, such as {"model": …, "messages": […]}.',
            code="invalid_json",
        )
    if body.translate(_DIGITS_TO_ZERO).find(_LONG_NUMBER) >= 0:
        _check_integers(body)
    if _NUL_ESCAPE in body:
        _check_keys(value)
    return value


def _check_structure(body: bytes, max_depth: int) -> None:
    containers = body.count(b"{") + body.count(b"[")
    if containers <= max_depth:
        return
    if containers > MAX_CONTAINERS:
        raise InvalidRequest(
            f"The body holds more than {MAX_CONTAINERS} objects and arrays.", code="too_many_values"
        )
    if _is_deeper(body, max_depth):
        raise InvalidRequest(
            f"The body is nested more than {max_depth} levels deep.", code="too_deep"
        )


def _is_deeper(body: bytes, max_depth: int) -> bool:
    """Whether containers nest deeper than that, judged before any recursive parser sees them."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(body.split(b'"')[::2])
    brackets = outside_strings.translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(max_depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")  # one pass takes away exactly the innermost level
    return bool(brackets)


def _malformed(body: bytes, error: orjson.JSONDecodeError) -> InvalidRequest:
    if not body.strip():
        return InvalidRequest("The body is empty; send a JSON object.", code="invalid_json")
    if body.startswith(_BOM):
        return InvalidRequest(
            "The body begins with a byte order mark; send plain UTF-8.", code="invalid_json"
        )
    try:
        body.decode()
    except UnicodeDecodeError as fault:
        return InvalidRequest(
            f"The body is not valid UTF-8 at byte {fault.start}.", code="invalid_json"
        )
    if "infinity" in error.msg:
        return InvalidRequest(
            f"The body holds a number that is out of range{_position(error)}.",
            code="number_out_of_range",
        )
    return InvalidRequest(f"The body is not valid JSON{_position(error)}.", code="invalid_json")


def _position(error: orjson.JSONDecodeError) -> str:
    return f": line {error.lineno}, column {error.colno}"


def _check_integers(body: bytes) -> None:
    """Find integers that do not fit into 64 bits; runs only where a long run of digits stands."""

    def read(digits: str) -> int:
        if len(digits) > 20 or not _INT64_MIN <= (number := int(digits)) <= _UINT64_MAX:
            raise InvalidRequest(
                "The body holds an integer that does not fit into 64 bits. "
                "Send it as a string if it is an identifier.",
                code="number_out_of_range",
            )
        return number

    json.loads(body, parse_int=read)


def _check_keys(value: Any) -> None:
    """Refuse NUL in the name of a member; in values only message content may hold it."""
    pending = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if any("\0" in key for key in node):
                raise InvalidRequest("The name of a member holds a NUL character.")
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
