"""Whether a JSON schema is one: what vendors refuse before they look any further."""

import math
from collections.abc import Callable, Mapping
from typing import Any

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_MAX_DEPTH = 64

Check = Callable[[Any, int], bool]


def is_sound(schema: Any, depth: int = 0) -> bool:
    """Whether every keyword we know has a value of its kind, all the way down."""
    if isinstance(schema, bool):
        return depth > 0
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return False
    return all(check(schema[word], depth) for word, check in _KEYWORDS.items() if word in schema)


def _is_type(value: Any, _depth: int) -> bool:
    kinds = value if isinstance(value, list) else [value]
    return bool(kinds) and all(kind in _TYPES for kind in kinds)


def _is_map(value: Any, depth: int) -> bool:
    return isinstance(value, dict) and all(is_sound(one, depth + 1) for one in value.values())


def _is_inner(value: Any, depth: int) -> bool:
    return is_sound(value, depth + 1)


def _is_choice(value: Any, depth: int) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(is_sound(one, depth + 1) for one in value)
    )


def _is_words(value: Any, _depth: int) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_list(value: Any, _depth: int) -> bool:
    return isinstance(value, list)


def _is_text(value: Any, _depth: int) -> bool:
    return isinstance(value, str)


def _is_number(value: Any, _depth: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_step(value: Any, depth: int) -> bool:
    return _is_number(value, depth) and value > 0


def _is_size(value: Any, _depth: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_KEYWORDS: Mapping[str, Check] = {
    "type": _is_type,
    "properties": _is_map,
    "$defs": _is_map,
    "definitions": _is_map,
    "items": _is_inner,
    "anyOf": _is_choice,
    "oneOf": _is_choice,
    "allOf": _is_choice,
    "enum": _is_list,
    "required": _is_words,
    "format": _is_text,
    "$ref": _is_text,
    "minimum": _is_number,
    "maximum": _is_number,
    "exclusiveMinimum": _is_number,
    "exclusiveMaximum": _is_number,
    "multipleOf": _is_step,
    "minLength": _is_size,
    "maxLength": _is_size,
    "minItems": _is_size,
    "maxItems": _is_size,
}
