"""Reads JSON into a message as Google's front end does: strict about names, lenient about spelling.

Names may be camelCase or as in the definitions; numbers may be text; enums may be numbers, or in
lower case; one value may stand for a list of one. Everything else is a violation, and all
violations are reported together, with their paths.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.sandbox.formats.google.protos import ONEOFS, Protos
from gateway.sandbox.formats.google.refusals import refuse, refuse_fields

_HUMP = re.compile(r"(?<!^)([A-Z])")
_JOINT = re.compile(r"(?<=[^_])_([a-z0-9])")
_DURATION = re.compile(r"-?\d+(\.\d+)?s")
_INT32 = 2**31
_INT64 = 2**63
_SCALARS = frozenset((
    "string", "bool", "int32", "int64", "float", "double", "bytes", "duration",
))  # fmt: skip


class BadValue(Exception):
    """A value that does not fit; the text is what stands behind the type in the vendor's complaint."""


def parse_message(protos: Protos, name: str, body: bytes) -> dict[str, Any]:
    """Return a message's members under their defined names, checked and converted.

    Raises Refused.
    """
    try:
        parsed = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as broken:
        raise refuse("Invalid JSON payload received. Unexpected token.") from broken
    if not isinstance(parsed, dict):
        text = 'Invalid JSON payload received. Unknown name "": Root element must be a message.'
        raise refuse_fields([("", text)])
    reader = _Reader(protos)
    message = reader.read_message(parsed, name, "")
    if reader.violations:
        raise refuse_fields(reader.violations)
    return message


def _spell(name: str, fields: Mapping[str, str]) -> str | None:
    """Return a member's name as the definitions spell it, None where they do not know it."""
    if name in fields:
        return name
    spelled = _HUMP.sub(r"_\1", name).lower()
    camel = _JOINT.sub(lambda found: found[1].upper(), spelled)
    return spelled if spelled in fields and camel == name else None


class _Reader:
    """One request on its way in; `violations` are (path, description)."""

    def __init__(self, protos: Protos) -> None:
        self.violations: list[tuple[str, str]] = []
        self._protos = protos

    def read_message(self, value: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
        fields = self._protos.messages[name]
        message: dict[str, Any] = {}
        for key, inner in value.items():
            field = _spell(key, fields)
            if field is None:
                self._complain(path, key, "Cannot find field.")
            elif inner is not None:
                place = f"{path}.{field}" if path else field
                read = self._read_field(inner, fields[field], place, path, key)
                if read is not None:
                    message[field] = read
        chosen = [field for field in message if field in ONEOFS.get(name, ())]
        for extra in chosen[1:]:
            text = (
                f"Invalid value at '{path}' (oneof), oneof field 'data' is already set. "
                f"Cannot set '{extra}'"
            )
            self.violations.append((path, text))
        return message

    def _read_field(self, value: Any, kind: str, place: str, holder: str, key: str) -> Any:
        if kind.startswith("*"):
            if not isinstance(value, list):
                return [self._read_one(value, kind[1:], place, holder, key)]
            return [
                self._read_one(one, kind[1:], f"{place}[{at}]", f"{place}[{at}]", "")
                for at, one in enumerate(value)
            ]
        if kind.startswith("{}"):
            if not isinstance(value, dict):
                return self._mismatch(value, "Map", place, holder, key)
            return {
                name: self._read_one(one, kind[2:], f"{place}[{at}].value", holder, key)
                for at, (name, one) in enumerate(value.items())
            }
        return self._read_one(value, kind, place, holder, key)

    def _read_one(self, value: Any, kind: str, place: str, holder: str, key: str) -> Any:
        if kind == "value":
            return value
        if isinstance(value, list):
            return self._complain(holder, key, "Proto field is not repeating, cannot start list.")
        if kind.startswith("=") or kind in _SCALARS:
            return self._read_scalar(value, kind, place)
        if not isinstance(value, dict):
            return self._mismatch(value, kind, place, holder, key)
        return value if kind == "struct" else self.read_message(value, kind, place)

    def _read_scalar(self, value: Any, kind: str, place: str) -> Any:
        try:
            return self._convert(value, kind)
        except BadValue as bad:
            shown = self._type_name(kind[1:]) if kind.startswith("=") else f"TYPE_{kind.upper()}"
            text = f"Invalid value at '{place}' ({shown}), {bad}"
            self.violations.append((place, text))
            return None

    def _convert(self, value: Any, kind: str) -> Any:
        if isinstance(value, dict):
            raise BadValue("Starting an object on a scalar field")
        if kind.startswith("="):
            return _read_enum(value, self._protos.enums[kind[1:]])
        return _SCALAR_READERS[kind](value)

    def _mismatch(self, value: Any, kind: str, place: str, holder: str, key: str) -> None:
        if isinstance(value, list):
            self._complain(holder, key, "Proto field is not repeating, cannot start list.")
            return
        name = "google.protobuf.Struct" if kind == "struct" else ""
        shown = f"type.googleapis.com/{name}" if name else self._type_name(kind)
        text = f"Invalid value at '{place}' ({shown}), {_show(value)}"
        self.violations.append((place, text))

    def _complain(self, path: str, key: str, complaint: str) -> None:
        at = f" at '{path}'" if path else ""
        text = f'Invalid JSON payload received. Unknown name "{key}"{at}: {complaint}'
        self.violations.append((path, text))

    def _type_name(self, kind: str) -> str:
        return f"type.googleapis.com/{self._protos.package}.{kind}"


def _show(value: Any) -> str:
    return orjson.dumps(value).decode()


def _read_enum(value: Any, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value.upper().replace("-", "_") in words:
        return value.upper().replace("-", "_")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(words):
        return words[value]
    raise BadValue(_show(value))


def _read_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise BadValue(_show(value))


def _read_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise BadValue(_show(value))


def _read_number(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise BadValue(_show(value)) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise BadValue(_show(value))


def _whole(bound: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = _read_number(value)
        # Not a number fails the first comparison, so `int` is only asked about finite values.
        if not -bound <= number < bound or number != int(number):
            raise BadValue(_show(value))
        return int(number)

    return read


def _read_duration(value: Any) -> str:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return value
    raise BadValue(f"Field 'duration', Illegal duration format; {_show(value)}")


def read_bytes(value: Any) -> bytes:
    """Return the bytes of base64 text in either alphabet, padded or not. Raises BadValue."""
    if isinstance(value, str):
        text = value.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise BadValue(f"Base64 decoding failed for {_show(value[:40])}") from None
    raise BadValue(_show(value))


_SCALAR_READERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _read_string,
    "bool": _read_bool,
    "int32": _whole(_INT32),
    "int64": _whole(_INT64),
    "float": _read_number,
    "double": _read_number,
    "bytes": read_bytes,
    "duration": _read_duration,
}
