"""JSON Schemas as current Gemini models take them: whole, with small differences.

A `$ref` may have next to nothing beside it (400 "Schema.ref … was set alongside unsupported
fields") and points into `$defs`; `const` has no effect on answers. Sources: the API reference on
`parametersJsonSchema` and `responseJsonSchema` (2026-11), and public issues. Older models:
`subset.py`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.providers.google.references import References, Schema

_BESIDE_REF = frozenset({"description", "default"})
_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_CHILDREN = ("anyOf", "oneOf", "allOf", "prefixItems", "items", "additionalProperties")


def answer_schema(schema: Schema) -> dict[str, Any]:
    """Return the JSON Schema of an answer, with references and constants as models take them."""
    references = References(schema)
    titled = {name: value for name, value in schema.items() if name != "title"}
    if "$ref" in schema and _stands_alone(titled):  # at the top a title may stand beside it
        found = _walk(schema, references, frozenset())
    else:
        found = _mend(schema, references, frozenset())
    return {name: value for name, value in found.items() if name != "$schema"}


def parameters_schema(schema: Schema) -> dict[str, Any]:
    """Return the JSON Schema of a function's arguments: an object at the top."""
    references, inside = References(schema), frozenset[str]()
    top = schema
    if isinstance(schema.get("$ref"), str):
        top, inside = references.resolve(schema, inside)
    found = _mend(top, references, inside)
    found.setdefault("type", "object")
    return {name: value for name, value in found.items() if name != "$schema"}


def _mend(node: Schema, references: References, inside: frozenset[str]) -> dict[str, Any]:
    if _stands_alone(node):
        return _walk(node, references, inside)
    resolved, inside = references.resolve(node, inside)
    return _mend(resolved, references, inside)


def _walk(node: Schema, references: References, inside: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in node.items():
        if name in _MAPS and isinstance(value, Mapping):
            found[name] = {key: _child(member, references, inside) for key, member in value.items()}
        elif name in _CHILDREN and isinstance(value, list):
            found[name] = [_child(member, references, inside) for member in value]
        elif name in _CHILDREN:
            found[name] = _child(value, references, inside)
        elif name == "const" and "enum" not in node:
            found["enum"] = [value]
        else:
            found[name] = value
    return found


def _child(node: object, references: References, inside: frozenset[str]) -> object:
    return _mend(node, references, inside) if isinstance(node, Mapping) else node


def _stands_alone(node: Schema) -> bool:
    """Whether a node can be sent as it is: it refers to nothing, or to `$defs` with nothing beside."""
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return True
    beside = (name for name in node if not name.startswith("$"))
    return reference.startswith("#/$defs/") and _BESIDE_REF.issuperset(beside)
