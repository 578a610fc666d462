"""JSON Schemas as Anthropic wants them.

Structured outputs and strict tools take a subset of JSON Schema: every object closed, no numeric,
length or pattern limits ("Structured outputs" page, 2026-11). What the subset lacks goes into the
description, where the model still reads it.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.providers.anthropic.lenient import as_list, as_object

Schema = Mapping[str, Any]

_FORMATS = frozenset(
    {
        "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid",
    }
)  # fmt: skip
_UNSUPPORTED = frozenset(
    {
        "contains", "contentEncoding", "contentMediaType", "dependentRequired", "dependentSchemas",
        "else", "exclusiveMaximum", "exclusiveMinimum", "if", "maxContains", "maximum", "maxItems",
        "maxLength", "maxProperties", "minContains", "minimum", "minLength", "minProperties",
        "multipleOf", "not", "pattern", "patternProperties", "prefixItems", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
    }
)  # fmt: skip
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf")


def close_schema(schema: Schema) -> dict[str, Any]:
    """Return the schema within the supported subset: objects closed, limits moved into words."""
    closed: dict[str, Any] = {}
    moved: list[str] = []
    for name, value in schema.items():
        if _is_unsupported(name, value):
            moved.append(f"{name}: {orjson.dumps(value).decode()}")
        elif name in _MAPS and isinstance(value, Mapping):
            closed[name] = {key: _close_any(member) for key, member in value.items()}
        elif name in _LISTS and isinstance(value, list):
            closed["anyOf" if name == "oneOf" else name] = [_close_any(member) for member in value]
        elif name == "items":
            closed[name] = _close_any(value)
        else:
            closed[name] = value
    if _is_object(schema):
        closed.setdefault("properties", {})
        closed["additionalProperties"] = False
    if moved:
        said = closed.get("description")
        words = f"({', '.join(moved)})"
        closed["description"] = f"{said} {words}" if isinstance(said, str) and said else words
    return closed


def has_open_map(schema: object) -> bool:
    """Whether closing the schema would change its meaning: it has objects with free keys."""
    if isinstance(schema, list):
        return any(has_open_map(member) for member in schema)
    if not isinstance(schema, Mapping):
        return False
    if schema.get("patternProperties") or schema.get("additionalProperties") not in (None, False):
        return True
    bare = schema.get("type") == "object" and "properties" not in schema and not _refers(schema)
    if bare and "additionalProperties" not in schema:
        return True
    children = [schema.get(name) for name in (*_LISTS, "items")]
    for name in _MAPS:
        inner = schema.get(name)
        children.extend(inner.values() if isinstance(inner, Mapping) else ())
    return any(has_open_map(child) for child in children)


def input_schema(schema: Schema | None) -> dict[str, Any]:
    """Return a tool's schema: an object at the top, as the API demands."""
    if schema is None:
        return {"type": "object", "properties": {}}
    whole = dict(schema)
    if any(name in whole for name in _LISTS):
        whole = _merge_branches(whole)
    whole.setdefault("type", "object")
    return whole


def _merge_branches(schema: dict[str, Any]) -> dict[str, Any]:
    """Write a union at the top as one object: the API refuses anyOf, oneOf and allOf there.

    Every branch's properties are offered; required stays what all branches (of `allOf`: any)
    require.
    """
    merged = {name: value for name, value in schema.items() if name not in _LISTS}
    properties = dict(as_object(merged.get("properties")))
    required = _names(merged)
    for name in _LISTS:
        branches = [as_object(member) for member in as_list(schema.get(name))]
        for branch in branches:
            properties = {**as_object(branch.get("properties")), **properties}
        wanted = [set(_names(branch)) for branch in branches]
        if wanted:
            common = set.union(*wanted) if name == "allOf" else set.intersection(*wanted)
            required += sorted(common.difference(required))
    merged["properties"] = properties
    if required:
        merged["required"] = required
    return merged


def _names(schema: Schema) -> list[str]:
    return [name for name in as_list(schema.get("required")) if isinstance(name, str)]


def _close_any(schema: object) -> object:
    return close_schema(schema) if isinstance(schema, Mapping) else schema


def _is_unsupported(name: str, value: object) -> bool:
    if name == "format":
        return not isinstance(value, str) or value not in _FORMATS
    if name == "minItems":
        return value not in (0, 1)
    return name in _UNSUPPORTED


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    if isinstance(kind, list):
        return "object" in kind
    return kind == "object" or (kind is None and isinstance(schema.get("properties"), Mapping))


def _refers(schema: Schema) -> bool:
    return any(name in schema for name in ("$ref", *_LISTS))
