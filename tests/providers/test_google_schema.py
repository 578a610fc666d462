"""Google: JSON Schemas, whole for current models and in the subset of older ones."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from gateway.providers.google.schema import answer_schema, parameters_schema
from gateway.providers.google.subset import subset_schema

OBJECT = {"type": "object"}
TREE = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
}


@pytest.mark.parametrize(
    "schema",
    [
        OBJECT,
        TREE,
        {"type": "object", "properties": {"const": {"type": "string"}, "$ref": {"type": "string"}}},
        {"type": ["string", "null"], "pattern": "^a", "additionalProperties": False},
        {"$defs": {"a": OBJECT}, "$ref": "#/$defs/a", "title": "A"},
        {"$defs": {"a": OBJECT}, "items": {"$ref": "#/$defs/a", "description": "one"}},
    ],
    ids=str,
)
def test_what_a_current_model_understands_stays_as_it_is(schema: dict[str, Any]) -> None:
    assert answer_schema(schema) == schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"$schema": "x", "type": "object"}, OBJECT),
        ({"items": {"const": "a"}}, {"items": {"enum": ["a"]}}),
        (
            {"$defs": {"a": OBJECT}, "items": {"$ref": "#/$defs/a", "title": "T"}},
            {"$defs": {"a": OBJECT}, "items": {"type": "object", "title": "T"}},
        ),
        (
            {"properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a"}}},
            {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
        ),
        (
            {"definitions": {"a/b": OBJECT}, "anyOf": [{"$ref": "#/definitions/a~1b"}]},
            {"definitions": {"a/b": OBJECT}, "anyOf": [OBJECT]},
        ),
        ({"anyOf": [{"$ref": "#/nowhere"}]}, {"anyOf": [OBJECT]}),
        ({"anyOf": [{"$ref": "https://x.test/a.json"}]}, {"anyOf": [OBJECT]}),
        ({"items": {"$ref": "#"}}, {"items": {"items": {"type": "object"}}}),
    ],
    ids=str,
)
def test_references_and_constants_are_respelled(
    schema: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert answer_schema(schema) == expected


def test_the_top_of_a_functions_schema_is_an_object() -> None:
    assert parameters_schema({}) == OBJECT
    assert parameters_schema({"$defs": {"a": {**OBJECT, "title": "A"}}, "$ref": "#/$defs/a"}) == {
        "type": "object",
        "title": "A",
        "$defs": {"a": {**OBJECT, "title": "A"}},
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING", "description": "d"}, {"type": "STRING", "description": "d"}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        (
            {"type": ["string", "integer"]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"enum": ["a", "", None]}, {"type": "string", "enum": ["a"], "nullable": True}),
        (
            {"type": "integer", "enum": [1, 2]},
            {"type": "integer", "description": "(enum: [1,2])"},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {"type": "string", "nullable": True},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        (
            {"type": "number", "exclusiveMinimum": 0, "multipleOf": 2},
            {"type": "number", "minimum": 0, "description": "(multipleOf: 2)"},
        ),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        ),
        (
            {"type": "string", "format": "email"},
            {"type": "string", "description": '(format: "email")'},
        ),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        (
            {"type": "object", "properties": {"a": {}}, "required": ["a", "b"]},
            {"type": "object", "properties": {"a": {}}, "required": ["a"]},
        ),
        ({"$schema": "x", "type": "object", "additionalProperties": False}, OBJECT),
        (
            {"allOf": [{"properties": {"a": OBJECT}}, {"properties": {"b": OBJECT}}]},
            {"type": "object", "properties": {"a": OBJECT, "b": OBJECT}},
        ),
        (
            {"$defs": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a"}}},
            {"type": "object", "properties": {"x": {"type": "string"}}},
        ),
    ],
    ids=str,
)
def test_older_models_get_their_own_spelling(
    schema: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert subset_schema(schema) == expected


def test_a_schema_that_contains_itself_ends() -> None:
    found = subset_schema(TREE)

    inner = found["properties"]["root"]
    assert inner == {"type": "object", "properties": {"next": {"type": "object"}}}


@pytest.mark.parametrize("rewrite", [subset_schema, answer_schema, parameters_schema])
def test_small_schemas_cannot_grow_without_end(rewrite: Any) -> None:
    def doubled(name: str) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{name}", "title": "x"}

    defs: dict[str, Any] = {
        f"d{n}": {"properties": {"a": doubled(f"d{n + 1}"), "b": doubled(f"d{n + 1}")}}
        for n in range(40)
    }
    defs["d40"] = {"type": "string"}
    schema = {"$defs": defs, "properties": {"top": doubled("d0")}}

    assert len(orjson.dumps(rewrite(schema))) < 4_000_000

    looped = {"$defs": {"a": {"allOf": [doubled("a"), doubled("a")]}}, "items": doubled("a")}
    assert len(orjson.dumps(rewrite(looped))) < 4_000_000


LEAVES = st.sampled_from([True, None, 0, 1.5, "string", "object", "null", "#/$defs/a", "#", "x"])
KEYWORDS = st.sampled_from(
    [
        "$defs", "$ref", "a", "additionalProperties", "allOf", "anyOf", "const", "default", "enum",
        "exclusiveMinimum", "format", "items", "oneOf", "prefixItems", "properties", "required",
        "title", "type",
    ]
)  # fmt: skip
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)
_KNOWN = {
    "anyOf", "default", "description", "enum", "example", "format", "items", "maxItems",
    "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum",
    "nullable", "pattern", "properties", "propertyOrdering", "required", "title", "type",
}  # fmt: skip


def check_subset(schema: Any) -> None:
    """Nothing but known keywords, single types, strings in enums, and no dangling demands."""
    assert isinstance(schema, dict)
    assert schema.keys() <= _KNOWN
    assert isinstance(schema.get("type", ""), str)
    assert all(isinstance(value, str) and value for value in schema.get("enum", []))
    assert set(schema.get("required", [])) <= set(schema.get("properties", {}))
    for child in (*schema.get("properties", {}).values(), *schema.get("anyOf", [])):
        check_subset(child)
    if "items" in schema:
        check_subset(schema["items"])


@given(st.dictionaries(KEYWORDS, SCHEMAS, max_size=5))
def test_any_schema_is_brought_into_the_subset_and_left_alone_itself(schema: Any) -> None:
    before = copy.deepcopy(schema)

    check_subset(subset_schema(schema))

    assert orjson.dumps(answer_schema(schema))
    assert parameters_schema(schema)
    assert schema == before
