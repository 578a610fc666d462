"""Makes a JSON value that obeys a JSON schema: tool arguments and structured answers.

Covers what tool and answer schemas use: types, properties, items, enum, const, default, anyOf,
oneOf, allOf, local $ref, formats, and the bounds of numbers, strings and lists. A `pattern` is not
solved.
"""

import math
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.soundness import is_sound

Schema = Mapping[str, Any]

_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "email": "ada@example.com",
    "uuid": "3f2b8c1e-6d4a-4f0b-9c7e-2a5d8e1f0b3c",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
}
_FULL_DEPTH = 6  # below it only what is required: schemas may refer to themselves
_MAX_DEPTH = 32
_MAX_LENGTH = 4096
_MAX_ITEMS = 64


def conform(schema: Schema, name: str = "value", root: Schema | None = None, depth: int = 0) -> Any:
    """Return a value the schema (see `soundness.is_sound`) accepts.

    `name` flavours strings; `root` resolves `$ref`.
    """
    root = schema if root is None else root
    schema = _resolve(schema, root)
    if depth > _MAX_DEPTH:
        return None  # a schema that demands an endless value
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return conform(_choose(schema[word], depth), name, root, depth + 1)
    return _of_type(_merged(schema, root, depth), name, root, depth)


def _resolve(schema: Any, root: Schema) -> Schema:
    """Follow references; what they lead to has not been looked at yet where it lies in no $defs."""
    if not isinstance(schema, Mapping) or "$ref" not in schema:
        return schema if isinstance(schema, Mapping) else {}
    for _ in range(_FULL_DEPTH):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        schema = root
        for part in reference[1:].strip("/").split("/") if reference != "#" else ():
            schema = schema.get(part, {}) if isinstance(schema, Mapping) else {}
    return schema if is_sound(schema) else {}


def _choose(options: list[Any], depth: int) -> Any:
    """The first option; deep down the one that ends the recursion, where there is one."""
    plain = [
        option
        for option in options
        if isinstance(option, Mapping) and option.get("type") not in ("object", "array", None)
    ]
    return plain[0] if plain and depth >= _FULL_DEPTH else options[0]


def _merged(schema: Schema, root: Schema, depth: int) -> Schema:
    if not schema.get("allOf") or depth > _MAX_DEPTH:
        return schema
    whole = dict(schema)
    for part in schema["allOf"]:
        for key, value in _merged(_resolve(part, root), root, depth + 1).items():
            if key == "properties":
                whole[key] = {**whole.get(key, {}), **value}
            elif key == "required":
                whole[key] = [*whole.get(key, []), *value]
            else:
                whole[key] = value
    return whole


def _of_type(schema: Schema, name: str, root: Schema, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            least = schema.get("minItems", 0)
            count = max(least, 1) if depth < _FULL_DEPTH else least
            count = min(count, schema.get("maxItems", count), _MAX_ITEMS)
            return [conform(schema.get("items", {}), name, root, depth + 1) for _ in range(count)]
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema, name)


def _object(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    names = [name for name in properties if name in required or depth < _FULL_DEPTH]
    made = {name: conform(properties[name], name, root, depth + 1) for name in names}
    return made | {name: "some value" for name in required if name not in properties}


def _number(schema: Schema, *, whole: bool) -> float:
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is not None and below is not None and not whole:
        return float(above + below) / 2
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", 0 if above is None else above + step)
    high = schema.get("maximum", low if below is None else below - step)
    value: float = min(low, high)
    if whole or "multipleOf" in schema:
        value = math.ceil(value / step) * step
    return value


def _string(schema: Schema, name: str) -> str:
    text: str = _FORMATS.get(schema.get("format", ""), f"some {name}")
    text = text.ljust(min(schema.get("minLength", 0), _MAX_LENGTH), "x")
    return text[: schema.get("maxLength", len(text))]
