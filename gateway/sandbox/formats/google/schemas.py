"""Schemas: Google's subset of OpenAPI, its rules, and what it means as JSON Schema.

Unknown keywords are refused by the reader of the JSON already. Rules: ai.google.dev, "Function
calling" and "Structured output" (2026), and refusals seen from the real API.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.sandbox.formats.google.refusals import refuse_field
from gateway.sandbox.soundness import is_sound

_FORMATS: Mapping[str, tuple[str, ...]] = {
    "STRING": ("enum", "date-time"),
    "INTEGER": ("int32", "int64"),
    "NUMBER": ("float", "double"),
}
_WORDS: Mapping[str, str] = {
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "minimum": "minimum",
    "maximum": "maximum",
    "format": "format",
    "required": "required",
    "default": "default",
    "ref": "$ref",
}
"""Keywords that mean the same in JSON Schema, and their names there."""

_MAX_DEPTH = 48


def check_schema(schema: Mapping[str, Any], path: str, *, is_root: bool = True) -> None:
    """Check a schema and everything in it. `path` names it in complaints. Raises Refused."""
    kind = schema.get("type", "TYPE_UNSPECIFIED")
    if path.count(".") > _MAX_DEPTH:
        raise refuse_field(path, "the schema exceeds the maximum allowed nesting depth")
    properties = schema.get("properties", {})
    if kind == "ARRAY" and "items" not in schema:
        raise refuse_field(f"{path}.items", "missing field.")
    if (
        kind == "OBJECT"
        and not properties
        and not is_root
        and "additional_properties" not in schema
    ):
        raise refuse_field(f"{path}.properties", "should be non-empty for OBJECT type")
    if schema.get("enum") and kind != "STRING":
        raise refuse_field(f"{path}.enum", "only allowed for STRING type")
    if "" in schema.get("enum", ()):
        raise refuse_field(f"{path}.enum[{schema['enum'].index('')}]", "cannot be empty")
    _check_format(schema, kind, path)
    for at, name in enumerate(schema.get("required", ())):
        if name not in properties:
            raise refuse_field(f"{path}.required[{at}]", "property is not defined")
    for inner, place in _inner(schema, path):
        check_schema(inner, place, is_root=False)


def _check_format(schema: Mapping[str, Any], kind: str, path: str) -> None:
    known = _FORMATS.get(kind)
    if schema.get("format") and known and schema["format"] not in known:
        words = " and ".join(f"'{word}'" for word in known)
        raise refuse_field(f"{path}.format", f"only {words} are supported for {kind} type")


def _inner(schema: Mapping[str, Any], path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    for word in ("properties", "defs"):
        for name, inner in schema.get(word, {}).items():
            if inner is not None:
                yield inner, f"{path}.{word}[{name}]"
    if "items" in schema:
        yield schema["items"], f"{path}.items"
    for at, inner in enumerate(schema.get("any_of", ())):
        if inner is not None:
            yield inner, f"{path}.any_of[{at}]"


def read_subset(schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a schema of the subset as JSON Schema. Raises Refused."""
    check_schema(schema, path)
    made = to_json_schema(schema)
    if not is_sound(made):
        raise refuse_field(path, "a bound of the schema is out of range")
    return made


def to_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checked schema as JSON Schema."""
    made: dict[str, Any] = {word: schema[ours] for ours, word in _WORDS.items() if ours in schema}
    kind = schema.get("type", "TYPE_UNSPECIFIED")
    if kind != "TYPE_UNSPECIFIED":
        made["type"] = [kind.lower(), "null"] if schema.get("nullable") else kind.lower()
    if schema.get("enum"):
        made["enum"] = schema["enum"]
    if "items" in schema:
        made["items"] = to_json_schema(schema["items"])
    if schema.get("any_of"):
        made["anyOf"] = [to_json_schema(one) for one in schema["any_of"] if one is not None]
    for ours, word in (("properties", "properties"), ("defs", "$defs")):
        if schema.get(ours):
            made[word] = {
                name: to_json_schema(one) for name, one in schema[ours].items() if one is not None
            }
    return made


def read_json_schema(value: Any, path: str) -> dict[str, Any]:
    """Return a schema that came as JSON Schema. Raises Refused where it is none."""
    if not isinstance(value, dict) or not is_sound(value):
        raise refuse_field(path, "the value is not a valid JSON schema")
    return value
