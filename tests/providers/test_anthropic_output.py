"""Anthropic: JSON answers, natively and by other means."""

from typing import Any

import orjson
import pytest

from tests.providers.anthropic_scene import (
    closed,
    completion,
    delta,
    ended,
    native,
    opened,
    sse,
    start,
    target,
    whole,
)

OLD = "claude-3-5-sonnet-20240620"
F = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}


def asks(schema: Any = None, **more: Any) -> dict[str, Any]:
    if schema is None:
        return {"response_format": {"type": "json_object"}, **more}
    inner = {"name": "n", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": inner}, **more}


def test_a_schema_is_sent_natively_where_the_model_knows_how() -> None:
    body = native(asks(SCHEMA))

    assert body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}
    assert "tools" not in body
    known = native(asks(SCHEMA), target(OLD, json_schema=True))
    assert known["output_config"] == body["output_config"]


def test_a_native_schema_goes_with_tools_effort_and_the_clients_own_config() -> None:
    body = native(
        asks(SCHEMA, tools=[F], tool_choice="required", reasoning_effort="low"),
        target("claude-opus-4-8"),
    )

    assert body["output_config"]["effort"] == "low"
    assert body["output_config"]["format"]["schema"] == CLOSED
    assert body["tool_choice"] == {"type": "any"}
    own = {"type": "json_schema", "schema": {"type": "object"}}
    assert native(asks(SCHEMA, output_config={"format": own}))["output_config"] == {"format": own}


def test_a_schema_is_closed_and_what_the_subset_lacks_becomes_words() -> None:
    schema = {
        "type": "object",
        "title": "T",
        "properties": {
            "s": {"type": "string", "minLength": 2, "pattern": "a", "description": "the s"},
            "d": {"type": "string", "format": "date"},
            "u": {"type": "string", "format": "regex"},
            "n": {"type": ["number", "null"], "maximum": 5, "default": 1},
            "l": {"type": "array", "items": {"type": "object", "properties": {}}, "minItems": 2},
            "m": {"type": "array", "items": {"$ref": "#/$defs/x"}, "minItems": 1},
            "o": {
                "oneOf": [{"type": "object", "properties": {"k": {"const": 1}}}, {"type": "null"}]
            },
        },
        "$defs": {"x": {"properties": {"y": {"enum": [1, 2]}}}},
    }

    found = native(asks(schema))["output_config"]["format"]["schema"]

    assert found == {
        "type": "object",
        "title": "T",
        "properties": {
            "s": {"type": "string", "description": 'the s (minLength: 2, pattern: "a")'},
            "d": {"type": "string", "format": "date"},
            "u": {"type": "string", "description": '(format: "regex")'},
            "n": {"type": ["number", "null"], "default": 1, "description": "(maximum: 5)"},
            "l": {
                "type": "array",
                "items": {"type": "object", "properties": {}, "additionalProperties": False},
                "description": "(minItems: 2)",
            },
            "m": {"type": "array", "items": {"$ref": "#/$defs/x"}, "minItems": 1},
            "o": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"k": {"const": 1}},
                        "additionalProperties": False,
                    },
                    {"type": "null"},
                ]
            },
        },
        "$defs": {"x": {"properties": {"y": {"enum": [1, 2]}}, "additionalProperties": False}},
        "additionalProperties": False,
    }


def test_older_models_answer_through_a_forced_tool() -> None:
    body = native(asks(SCHEMA), target(OLD))

    [tool] = body["tools"]
    assert (tool["name"], tool["input_schema"]) == ("json_response", SCHEMA)
    assert body["tool_choice"] == {
        "type": "tool",
        "name": "json_response",
        "disable_parallel_tool_use": True,
    }
    assert "output_config" not in body


def test_any_object_is_asked_for_through_a_tool_that_takes_any() -> None:
    [tool] = native(asks())["tools"]

    assert tool["input_schema"] == {"type": "object", "additionalProperties": True}


def test_beside_real_tools_the_model_may_call_those_first() -> None:
    body = native(asks(tools=[F]))
    banned = native(asks(tools=[F], tool_choice="none"))
    single = native(asks(tools=[F], parallel_tool_calls=False))

    assert [tool["name"] for tool in body["tools"]] == ["f", "json_response"]
    assert body["tool_choice"] == {"type": "any"}
    assert banned["tool_choice"]["name"] == "json_response"
    assert single["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


def test_a_schema_with_free_keys_is_not_closed_but_emulated() -> None:
    free = {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {}}}}

    body = native(asks(free))

    assert body["tools"][0]["input_schema"] == free
    assert "output_config" not in body
    assert "output_config" in native(asks(free), target("claude-opus-5-5"))


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("claude-opus-5-5", {}),
        ("claude-sonnet-4-5", {"reasoning_effort": "low"}),
        ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        (OLD, {"tools": [F], "tool_choice": "required"}),
    ],
)
def test_where_no_tool_can_be_forced_words_have_to_do(model: str, more: dict[str, Any]) -> None:
    body = native(asks(**more), target(model))

    assert "one JSON object and nothing else" in body["system"][-1]["text"]
    assert "json_response" not in orjson.dumps(body).decode()


def test_the_schema_is_told_in_words_on_models_that_lack_both_ways() -> None:
    to = target(OLD, json_schema=False)

    said = native(asks(SCHEMA, tools=[F], tool_choice=F), to)["system"][-1]["text"]

    assert orjson.dumps(SCHEMA).decode() in said


def test_a_plain_text_format_changes_nothing() -> None:
    assert native({"response_format": {"type": "text"}}) == native({})


def test_the_answer_tool_comes_back_as_content_streamed_or_not() -> None:
    streamed = sse(
        start(),
        opened(0, type="tool_use", id="t", name="json_response", input={}),
        delta(0, type="input_json_delta", partial_json=""),
        delta(0, type="input_json_delta", partial_json='{"a":'),
        delta(0, type="input_json_delta", partial_json="1}"),
        closed(0),
        *ended("tool_use"),
    )
    answer = {"type": "tool_use", "id": "t", "name": "json_response", "input": {"a": 1}}
    at_once = whole(answer, stop_reason="tool_use")

    for data in (streamed, at_once):
        [choice] = completion(data, asks(SCHEMA), target(OLD))["choices"]
        assert choice["message"]["content"] == '{"a":1}'
        assert "tool_calls" not in choice["message"]
        assert choice["finish_reason"] == "stop"
        assert choice["native_finish_reason"] == "tool_use"


def test_a_real_call_beside_the_answer_is_still_a_call() -> None:
    data = whole(
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "tool_use", "id": "u", "name": "json_response", "input": {"a": 1}},
        {"type": "tool_use", "id": "v", "name": "json_response", "input": {"a": 2}},
        stop_reason="tool_use",
    )

    [choice] = completion(data, asks(tools=[F]))["choices"]

    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["t"]
    assert choice["message"]["content"] == '{"a":1}'
    assert choice["finish_reason"] == "tool_calls"
