"""JSON Schemas in the subset of older Gemini models, which is after OpenAPI 3.0.

There every unknown keyword is a 400 ("Unknown name … Cannot find field"), types are single, and
`enum` holds strings only. What the subset lacks goes into the description, where the model still
reads it. Sources: `Schema` in the API reference (2026-11), and public issues.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.providers.google.references import References, Schema

_PLAIN = frozenset(
    {
        "default", "description", "example", "maxItems", "maxLength", "maxProperties", "maximum",
        "minItems", "minLength", "minProperties", "minimum", "nullable", "pattern",
        "propertyOrdering", "required", "title",
    }
)  # fmt: skip
_RESPELLED = frozenset(
    {
        "$ref", "allOf", "anyOf", "const", "enum", "exclusiveMaximum", "exclusiveMinimum",
        "format", "items", "oneOf", "prefixItems", "properties", "type",
    }
)  # fmt: skip
_SILENT = frozenset(
    {"$comment", "$defs", "$id", "$schema", "definitions", "deprecated", "examples"}
)
_FORMATS = frozenset({"date-time", "double", "float", "int32", "int64"})


def subset_schema(schema: Schema) -> dict[str, Any]:
    """Return a schema in the subset of older models."""
    return _Reducer(schema).reduce(schema, frozenset())


class _Reducer:
    """Rewrites the nodes of one schema; `inside` are the references a node was reached through."""

    def __init__(self, root: Schema) -> None:
        self._references = References(root)

    def reduce(self, node: object, inside: frozenset[str]) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            return {}
        if "$ref" in node:
            resolved, inside = self._references.resolve(node, inside)
            return self.reduce(resolved, inside)
        if as_list(node.get("allOf")):
            return self.reduce(*self._merged(node, inside))
        found = {name: value for name, value in node.items() if name in _PLAIN}
        found.update(_bounds(node))
        found.update(_typed(node))
        found.update(self._nested(node, inside))
        _drop_dangling(found)
        words = [f"{name}: {orjson.dumps(value).decode()}" for name, value in _lost(node)]
        if words:
            said = as_text(found.get("description"))
            found["description"] = f"{said} ({', '.join(words)})".strip()
        return found

    def _nested(self, node: Schema, inside: frozenset[str]) -> Iterator[tuple[str, Any]]:
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            yield "properties", {n: self.reduce(v, inside) for n, v in properties.items()}
        if node.get("type") == "array" or "items" in node or "prefixItems" in node:
            yield "items", self._items(node, inside)
        branches = [*as_list(node.get("anyOf")), *as_list(node.get("oneOf"))]
        real = [branch for branch in branches if as_object(branch).get("type") != "null"]
        if len(real) < len(branches):
            yield "nullable", True
        if len(real) == 1:
            yield from self.reduce(real[0], inside).items()
        elif real:
            yield "anyOf", [self.reduce(branch, inside) for branch in real]

    def _items(self, node: Schema, inside: frozenset[str]) -> dict[str, Any]:
        """Return the one schema that all items share: of a tuple, any of its members."""
        members = [*as_list(node.get("prefixItems")), node.get("items")]
        reduced = [self.reduce(member, inside) for member in members if isinstance(member, Mapping)]
        if len(reduced) > 1:
            return {"anyOf": reduced}
        return reduced[0] if reduced and reduced[0] else {"type": "string"}

    def _merged(
        self, node: Schema, inside: frozenset[str]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """Write `allOf` as one object: the properties and demands of all its members."""
        merged = {name: value for name, value in node.items() if name != "allOf"}
        for member in as_list(node.get("allOf")):
            part: Schema = as_object(member)
            if "$ref" in part:
                part, inside = self._references.resolve(part, inside)
            joined = {
                "properties": {
                    **as_object(merged.get("properties")),
                    **as_object(part.get("properties")),
                },
                "required": [*as_list(merged.get("required")), *as_list(part.get("required"))],
                "allOf": [*as_list(merged.get("allOf")), *as_list(part.get("allOf"))],
            }
            merged = {**part, **merged, **joined}
        return {name: value for name, value in merged.items() if value not in ([], {})}, inside


def _typed(node: Schema) -> Iterator[tuple[str, Any]]:
    """Yield the type; `[T, null]` becomes `nullable`, several types become a union."""
    given = node.get("type")
    kinds = given if isinstance(given, list) else [given]
    names = [kind for kind in kinds if isinstance(kind, str) and kind != "null"]
    values = [node["const"]] if "const" in node else as_list(node.get("enum"))
    if "null" in kinds or None in values:
        yield "nullable", True
    if len(names) > 1:
        yield "anyOf", [{"type": name} for name in names]
    elif names:
        yield "type", names[0]
    elif "properties" in node:
        yield "type", "object"
    strings = [value for value in values if isinstance(value, str) and value]
    if strings and _are_strings(values):
        yield "type", "string"
        yield "enum", strings
    if _is_known_format(node.get("format")):
        yield "format", node["format"]


def _bounds(node: Schema) -> Iterator[tuple[str, Any]]:
    """Yield open bounds as closed ones; where both stand, the closed one is kept."""
    for name, closed in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        bound = node.get(name)
        if isinstance(bound, int | float) and not isinstance(bound, bool) and closed not in node:
            yield closed, bound


def _lost(node: Schema) -> Iterator[tuple[str, Any]]:
    """Yield the keywords that the subset has no place for."""
    for name, value in node.items():
        if name == "format":
            if not _is_known_format(value):
                yield name, value
        elif name in ("enum", "const"):
            values = as_list(value) if name == "enum" else [value]
            if not _are_strings(values):
                yield name, value
        elif name == "additionalProperties" and isinstance(value, bool):
            continue
        elif name not in _PLAIN and name not in _SILENT and name not in _RESPELLED:
            yield name, value


def _is_known_format(value: object) -> bool:
    return isinstance(value, str) and value in _FORMATS


def _are_strings(values: list[Any]) -> bool:
    """Whether an enum can be sent as one; of numbers the type is worth more than the list."""
    return all(value is None or isinstance(value, str) for value in values)


def _drop_dangling(schema: dict[str, Any]) -> None:
    """Require only properties that are there: any other is a 400."""
    known = as_object(schema.get("properties"))
    demanded = [name for name in as_list(schema.pop("required", None)) if isinstance(name, str)]
    required = [name for name in dict.fromkeys(demanded) if name in known]
    if required:
        schema["required"] = required
