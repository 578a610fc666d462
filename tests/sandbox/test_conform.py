"""Made-up values obey the schemas they were made for."""

import math
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gateway.sandbox.conform import conform
from gateway.sandbox.soundness import is_sound

KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def fits(value: Any, schema: Any) -> bool:
    """Whether a value obeys a schema: an independent reading of the keywords used here."""
    if isinstance(schema, bool):
        return schema
    checks = [
        "enum" not in schema or value in schema["enum"],
        "type" not in schema or _is_kind(value, schema["type"]),
        "anyOf" not in schema or any(fits(value, one) for one in schema["anyOf"]),
    ]
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        checks += [name in value for name in schema.get("required", [])]
        checks += [fits(value[name], inner[name]) for name in value if name in inner]
    if isinstance(value, list):
        checks.append(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf))
        checks += [fits(one, schema.get("items", True)) for one in value]
    if isinstance(value, str):
        checks.append(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf))
    if isinstance(value, int | float) and not isinstance(value, bool):
        checks.append(schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf))
        checks.append(value > schema.get("exclusiveMinimum", -math.inf))
        checks.append(value < schema.get("exclusiveMaximum", math.inf))
        checks.append(value % schema.get("multipleOf", value or 1) == 0)
    return all(checks)


def _is_kind(value: Any, kind: Any) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    right = any(isinstance(value, KINDS[one]) for one in kinds)
    return right and (not isinstance(value, bool) or "boolean" in kinds)


def _bounds(low: str, high: str, top: int) -> st.SearchStrategy[dict[str, Any]]:
    def arrange(pair: tuple[int, int], use: tuple[bool, bool]) -> dict[str, Any]:
        both = {low: min(pair), high: max(pair)}
        return {name: both[name] for name, wanted in zip(both, use, strict=True) if wanted}

    pairs = st.tuples(st.integers(0, top), st.integers(0, top))
    return st.builds(arrange, pairs, st.tuples(st.booleans(), st.booleans()))


LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"type": ["null", "string"]}),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers(), min_size=1, max_size=3)),
    st.builds(lambda more: {"type": "string", **more}, _bounds("minLength", "maxLength", 40)),
    st.builds(lambda more: {"type": "integer", **more}, _bounds("minimum", "maximum", 99)),
    st.builds(lambda more: {"type": "number", **more}, _bounds("minimum", "maximum", 99)),
    st.builds(lambda low: {"type": "integer", "exclusiveMinimum": low}, st.integers(-50, 50)),
    st.builds(lambda high: {"type": "number", "exclusiveMaximum": high}, st.floats(-50, 50)),
    st.builds(
        lambda step: {"type": "integer", "minimum": 7, "multipleOf": step}, st.integers(1, 9)
    ),
)


def _deeper(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    def an_object(properties: dict[str, Any], take: list[bool]) -> dict[str, Any]:
        required = [name for name, wanted in zip(properties, take, strict=False) if wanted]
        return {"type": "object", "properties": properties, "required": required}

    return st.one_of(
        st.builds(
            lambda one, more: {"type": "array", "items": one, **more},
            inner,
            _bounds("minItems", "maxItems", 5),
        ),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            an_object,
            st.dictionaries(st.text("abcdef", min_size=1, max_size=3), inner, max_size=4),
            st.lists(st.booleans(), min_size=4, max_size=4),
        ),
    )


SCHEMAS = st.recursive(LEAVES, _deeper, max_leaves=12)


@given(SCHEMAS)
@settings(max_examples=150, deadline=None)
def test_a_made_up_value_obeys_its_schema(schema: dict[str, Any]) -> None:
    assert is_sound(schema)
    assert fits(conform(schema), schema)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}, {"a": 0}),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
        ({"type": "string", "format": "date"}, "2026-01-02"),
        ({"type": "integer", "default": 5}, 5),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "object", "required": ["x"]}, {"x": "some value"}),
        ({"$ref": "#/nowhere"}, "some value"),
    ],
)  # fmt: skip
def test_references_merges_and_formats_are_followed(schema: dict[str, Any], value: Any) -> None:
    assert conform(schema) == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["left"],
    }
    value: Any = conform(tree)
    depth = 0
    while value is not None:
        value, depth = value["left"], depth + 1
    assert 1 < depth < 10
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert conform(endless)["next"]["next"]


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"type": "thing"},
        {"type": []},
        {"properties": []},
        {"properties": {"a": 1}},
        {"anyOf": []},
        {"required": "a"},
        {"minimum": "1"},
        {"maxLength": -1},
        {"multipleOf": 0},
        {"items": {"items": {"type": 7}}},
    ],
)
def test_what_is_no_schema_is_told(schema: Any) -> None:
    assert not is_sound(schema)
