"""Bedrock: tools, the choice among them, and JSON answers."""

from typing import Any

import orjson
import pytest

from gateway.errors import InvalidRequest
from gateway.types import events as ev
from tests.providers.bedrock_scene import (
    CLAUDE,
    CLAUDE_3,
    CLAUDE_5,
    GPT_OSS,
    HI,
    LLAMA,
    NOVA,
    START,
    TITAN,
    UNKNOWN,
    closed,
    completion,
    delta,
    events,
    message,
    metadata,
    native,
    opened,
    stopped,
    target,
    whole,
)

MISTRAL = "mistral.mistral-large-2402-v1:0"
DEEPSEEK = "deepseek.v3-v1:0"
F = {"type": "function", "function": {"name": "f"}}
G = {"type": "function", "function": {"name": "g", "description": "d"}}
EMPTY = {"json": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
WANTED = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
CALLED = [
    *HI,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "h", "arguments": ""}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "ok"},
]


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def config(body: dict[str, Any], to: str = CLAUDE) -> dict[str, Any] | None:
    return native(body, to).get("toolConfig")


def words(body: dict[str, Any], to: str = CLAUDE) -> list[str]:
    return [block["text"] for block in native(body, to).get("system", ())]


def test_a_function_is_a_tool_spec() -> None:
    tool = {
        "type": "function",
        "function": {"name": "f", "description": "does f", "parameters": SCHEMA},
    }

    assert config({"tools": [tool, F]}) == {
        "tools": [
            {
                "toolSpec": {
                    "name": "f",
                    "description": "does f",
                    "inputSchema": {"json": SCHEMA},
                }
            },
            {"toolSpec": {"name": "f", "inputSchema": EMPTY}},
        ]
    }


@pytest.mark.parametrize("description", ["", "  "])
def test_an_empty_description_is_left_out(description: str) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": description}}
    found = config({"tools": [tool]})

    assert found is not None
    assert "description" not in found["tools"][0]["toolSpec"]


@pytest.mark.parametrize(
    ("model", "strict"), [(CLAUDE, True), (GPT_OSS, True), (CLAUDE_3, False), (NOVA, False)]
)
def test_strict_tools_where_the_model_has_them(model: str, strict: bool) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": SCHEMA, "strict": True}}
    found = config({"tools": [tool]}, model)

    assert found is not None
    spec = found["tools"][0]["toolSpec"]
    assert spec.get("strict", False) is strict
    assert spec["inputSchema"]["json"] == (CLOSED if strict else SCHEMA)


@pytest.mark.parametrize(
    ("choice", "model", "expected"),
    [
        ("auto", CLAUDE, {"auto": {}}),
        ("auto", LLAMA, {"auto": {}}),
        ("auto", DEEPSEEK, None),
        ("auto", TITAN, None),
        ("required", CLAUDE, {"any": {}}),
        ("required", NOVA, {"any": {}}),
        ("required", MISTRAL, {"any": {}}),
        ("required", UNKNOWN, {"any": {}}),
        ("required", LLAMA, None),
        (named("g"), CLAUDE, {"tool": {"name": "g"}}),
        (named("g"), NOVA, {"tool": {"name": "g"}}),
        (named("g"), LLAMA, None),
        (None, CLAUDE, None),
    ],
)
def test_the_choice_in_converses_words(
    choice: Any, model: str, expected: dict[str, Any] | None
) -> None:
    found = config({"tools": [F, G], "tool_choice": choice}, model)

    assert found is not None
    assert found.get("toolChoice") == expected


def test_a_named_tool_is_the_only_one_where_models_know_only_any() -> None:
    found = config({"tools": [F, G], "tool_choice": named("g")}, MISTRAL)

    assert found is not None
    assert [tool["toolSpec"]["name"] for tool in found["tools"]] == ["g"]
    assert found["toolChoice"] == {"any": {}}


def test_what_cannot_be_forced_is_asked_for() -> None:
    assert words({"tools": [F], "tool_choice": "required"}, LLAMA) == [
        "Answer this turn by calling at least one of the tools, not with text."
    ]
    assert words({"tools": [F], "tool_choice": named("f")}, LLAMA) == [
        'Answer this turn by calling the tool "f", not with text.'
    ]
    assert words({"tools": [F], "tool_choice": "required"}, CLAUDE) == []


def test_no_calls_means_no_tools() -> None:
    body = native({"tools": [F], "tool_choice": "none"})

    assert "toolConfig" not in body
    assert "system" not in body


def test_with_calls_behind_it_a_conversation_keeps_its_tools_and_words_forbid_them() -> None:
    asked = {"messages": CALLED, "tools": [F], "tool_choice": "none"}
    found = config(asked)

    assert found == {"tools": [{"toolSpec": {"name": "f", "inputSchema": EMPTY}}]}
    assert words(asked) == ["Do not call any tool in this turn: answer with text."]


def test_a_conversation_with_calls_defines_tools_even_if_the_client_does_not() -> None:
    spec = {"name": "h", "description": "No longer available.", "inputSchema": EMPTY}

    assert config({"messages": CALLED}) == {"tools": [{"toolSpec": spec}]}
    assert words({"messages": CALLED}) == ["Do not call any tool in this turn: answer with text."]


def test_tools_that_ran_at_aws_are_defined_anew_too() -> None:
    ran = {"toolUseId": "s", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}
    answer = message(whole({"toolUse": ran}, {"text": "x"}), to=NOVA)

    assert config({"messages": [*HI, answer, *HI]}, NOVA) == {
        "tools": [{"systemTool": {"name": "nova_grounding"}}]
    }


def test_allowed_tools_filter_the_list() -> None:
    def choice(*names: str) -> dict[str, Any]:
        tools = [named(name) for name in names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}}

    found = config({"tools": [F, G], "tool_choice": choice("g")})

    assert found is not None
    assert [tool["toolSpec"]["name"] for tool in found["tools"]] == ["g"]
    assert found["toolChoice"] == {"any": {}}
    with pytest.raises(InvalidRequest) as refusal:
        config({"tools": [F, G], "tool_choice": choice("x")})
    assert refusal.value.param == "tool_choice"


def test_one_call_at_a_time_where_the_model_has_a_field_for_it() -> None:
    asked = {"tools": [F], "parallel_tool_calls": False}
    free = native(asked)
    chosen = native({**asked, "tool_choice": "required"})

    assert free["additionalModelRequestFields"] == {
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}
    }
    assert chosen["additionalModelRequestFields"] == {
        "tool_choice": {"disable_parallel_tool_use": True}
    }
    assert chosen["toolConfig"]["toolChoice"] == {"any": {}}
    for other in ({**asked, "parallel_tool_calls": True}, {"parallel_tool_calls": False}):
        assert "additionalModelRequestFields" not in native(other)
    assert "additionalModelRequestFields" not in native({**asked, "tool_choice": "none"})


def test_one_call_at_a_time_is_asked_for_in_words_elsewhere() -> None:
    asked = {"tools": [F], "parallel_tool_calls": False}

    for model in (CLAUDE_3, NOVA, LLAMA):
        assert words(asked, model) == ["Call at most one tool in this turn."]
        assert words({**asked, "parallel_tool_calls": True}, model) == []
        assert words({"parallel_tool_calls": False}, model) == []
    assert words(asked, CLAUDE) == []


def test_converses_own_tools_travel_as_they_are() -> None:
    own = {"type": "systemTool", "systemTool": {"name": "nova_grounding"}}

    assert config({"tools": [own]}, NOVA) == {"tools": [{"systemTool": {"name": "nova_grounding"}}]}


@pytest.mark.parametrize("kind", ["web_search_20250305", "code_interpreter", "systemTool"])
def test_tools_of_other_vendors_are_refused_by_their_place(kind: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        config({"tools": [F, {"type": kind, "name": "x"}]})

    assert (refusal.value.param, refusal.value.code) == ("tools[1].type", "unsupported_tool")


def test_a_custom_tool_is_a_function_with_one_text_and_comes_back_as_text() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}}
    tool = {"type": "custom", "custom": {"name": "sql", "description": "Runs.", "format": grammar}}
    found = config({"tools": [tool]})
    use = {"toolUseId": "t", "name": "sql", "input": {"input": "select 1"}}
    [call] = message(whole({"toolUse": use}, stop="tool_use"), {"tools": [tool]})["tool_calls"]

    assert found is not None
    spec = found["tools"][0]["toolSpec"]
    assert spec["description"] == "Runs. The input must match this lark grammar:\nstart: X"
    assert spec["inputSchema"]["json"]["required"] == ["input"]
    assert call == {"id": "t", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    history = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"role": "tool", "tool_call_id": "t", "content": "1"}
    replayed = native({"tools": [tool], "messages": [*HI, history, answer]})["messages"]
    assert replayed[1]["content"] == [{"toolUse": use}]


@pytest.mark.parametrize("name", ["a.b", "na\u00efve", "x" * 65, "a/b"])
def test_tool_names_are_made_legal_and_come_back(name: str) -> None:
    tool = {"type": "function", "function": {"name": name}}
    found = config({"tools": [tool, F], "tool_choice": named(name)})

    assert found is not None
    wire = found["tools"][0]["toolSpec"]["name"]
    assert found["toolChoice"] == {"tool": {"name": wire}}
    assert len(wire) <= 64
    assert wire.replace("_", "").replace("-", "").isalnum()
    assert wire.isascii()
    use = {"toolUseId": "t", "name": wire, "input": {}}
    [call] = message(whole({"toolUse": use}, stop="tool_use"), {"tools": [tool, F]})["tool_calls"]
    assert call["function"]["name"] == name


def test_names_that_differ_stay_different() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a.b", "a/b", "a_b")]
    found = config({"tools": tools})

    assert found is not None
    assert len({tool["toolSpec"]["name"] for tool in found["tools"]}) == 3


@pytest.mark.parametrize("model", [CLAUDE, GPT_OSS, "qwen.qwen3-32b-v1:0", "zai.glm-4.7-flash"])
def test_a_schema_is_asked_for_natively_as_text(model: str) -> None:
    wanted = {"name": "n", "description": "d", "schema": SCHEMA}
    body = native({"response_format": {"type": "json_schema", "json_schema": wanted}}, model)
    definition = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]

    assert body["outputConfig"]["textFormat"]["type"] == "json_schema"
    assert definition.keys() == {"name", "description", "schema"}
    assert orjson.loads(definition["schema"]) == CLOSED
    assert "toolConfig" not in body


@pytest.mark.parametrize("model", [CLAUDE_3, NOVA, "us.anthropic.claude-opus-4-1-20250805-v1:0"])
def test_without_a_native_form_a_tool_carries_the_answer(model: str) -> None:
    body = native({"response_format": WANTED}, model)

    assert "outputConfig" not in body
    [tool] = body["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "json_response"
    assert tool["toolSpec"]["inputSchema"] == {"json": SCHEMA}
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "json_response"}}


@pytest.mark.parametrize("model", [LLAMA, TITAN, MISTRAL])
def test_where_nothing_can_be_forced_words_ask_for_json(model: str) -> None:
    body = native({"response_format": WANTED}, model)
    said = orjson.dumps(body).decode()

    assert "outputConfig" not in body
    assert "toolConfig" not in body
    assert "Answer with one JSON object" in said
    assert '\\"required\\":[\\"a\\"]' in said


def test_models_without_system_messages_read_our_words_in_the_last_turn() -> None:
    body = native({"response_format": {"type": "json_object"}}, TITAN)

    assert "system" not in body
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert body["messages"][0]["content"][1]["text"].startswith("Answer with one JSON object")


def test_a_free_object_is_carried_by_a_tool_on_any_model_that_can_be_forced() -> None:
    body = native({"response_format": {"type": "json_object"}})

    [tool] = body["toolConfig"]["tools"]
    assert tool["toolSpec"]["inputSchema"]["json"] == {
        "type": "object",
        "additionalProperties": True,
    }


def test_real_tools_may_be_called_before_the_answer() -> None:
    body = native({"response_format": WANTED, "tools": [F]}, NOVA)
    banned = native({"response_format": WANTED, "tools": [F], "tool_choice": "none"}, NOVA)

    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == [
        "f",
        "json_response",
    ]
    assert banned["toolConfig"]["toolChoice"] == {"tool": {"name": "json_response"}}


def test_the_tool_of_ours_gives_way_to_one_of_the_clients() -> None:
    own = {"type": "function", "function": {"name": "json_response"}}
    body = native({"response_format": WANTED, "tools": [own]}, NOVA)

    assert body["toolConfig"]["tools"][1]["toolSpec"]["name"] == "json_response_2"


def test_a_thinking_model_answers_in_json_by_words() -> None:
    body = native({"response_format": {"type": "json_object"}, "reasoning_effort": "high"})

    assert "toolConfig" not in body
    assert words({"response_format": {"type": "json_object"}, "reasoning_effort": "high"})


def test_a_model_known_to_have_no_schemas_is_not_asked_for_one() -> None:
    body = native({"response_format": WANTED}, target(GPT_OSS, json_schema=False))

    assert "outputConfig" not in body


def test_a_nameless_model_has_schemas_by_the_operators_word() -> None:
    told = native({"response_format": WANTED}, target(UNKNOWN, json_schema=True))
    untold = native({"response_format": WANTED}, UNKNOWN)

    assert "textFormat" in told["outputConfig"]
    assert untold["toolConfig"]["toolChoice"] == {"tool": {"name": "json_response"}}


def test_the_answer_of_our_tool_is_content_and_no_call() -> None:
    body = {"response_format": WANTED}
    use = {"toolUseId": "t", "name": "json_response", "input": {"a": 1}, "type": "tool_use"}
    at_once = completion(whole({"toolUse": use}, stop="tool_use"), body, NOVA)
    streamed = completion(
        START
        + opened(0, toolUse={"toolUseId": "t", "name": "json_response"})
        + delta(0, toolUse={"input": '{"a"'})
        + delta(0, toolUse={"input": ":1}"})
        + closed(0)
        + stopped("tool_use")
        + metadata(),
        body,
        NOVA,
    )

    assert at_once == streamed
    assert at_once["choices"][0]["finish_reason"] == "stop"
    assert at_once["choices"][0]["message"]["content"] == '{"a":1}'
    assert "tool_calls" not in at_once["choices"][0]["message"]
    assert "provider_content" not in at_once["choices"][0]["message"]


def test_a_real_call_beside_our_tool_is_a_call() -> None:
    use = {"toolUseId": "t", "name": "f", "input": {}}
    found = completion(
        whole({"toolUse": use}, stop="tool_use"), {"response_format": WANTED, "tools": [F]}, NOVA
    )

    assert found["choices"][0]["finish_reason"] == "tool_calls"


def test_a_model_that_thinks_with_a_given_budget_is_not_forced() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    found = config({"tools": [F], "tool_choice": "required", "thinking": thinking})

    assert found is not None
    assert "toolChoice" not in found


def test_models_that_refuse_to_be_forced_are_asked() -> None:
    asked = {"tools": [F], "tool_choice": "required"}
    found = config(asked, "us.anthropic.claude-fable-5-1")

    assert found is not None
    assert "toolChoice" not in found
    assert words(asked, "us.anthropic.claude-fable-5-1")
    assert config(asked, CLAUDE_5) == {**found, "toolChoice": {"any": {}}}


def test_the_deprecated_functions_come_back_as_a_function_call() -> None:
    body = {"functions": [{"name": "f"}], "function_call": "auto"}
    use = {"toolUseId": "t", "name": "f", "input": {"a": 1}}
    found = completion(whole({"toolUse": use}, stop="tool_use"), body)["choices"][0]

    assert found["finish_reason"] == "function_call"
    assert found["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}


def test_calls_are_numbered_by_themselves_not_by_their_blocks() -> None:
    found = events(
        START
        + delta(0, text="so")
        + closed(0)
        + opened(1, toolUse={"toolUseId": "s", "name": "g", "type": "server_tool_use"})
        + closed(1)
        + opened(4, toolUse={"toolUseId": "x", "name": "f"})
        + delta(4, toolUse={"input": ""})
        + closed(4)
        + opened(5, toolUse={"toolUseId": "y", "name": "f"})
        + delta(5, toolUse={"input": '{"a":1}'})
        + closed(5)
        + stopped("tool_use")
        + metadata()
    )

    assert [e for e in found if isinstance(e, ev.ToolStart | ev.ToolArgs | ev.ToolEnd)] == [
        ev.ToolStart(0, 0, "x", "f"),
        ev.ToolArgs(0, 0, "{}"),
        ev.ToolEnd(0, 0),
        ev.ToolStart(0, 1, "y", "f"),
        ev.ToolArgs(0, 1, '{"a":1}'),
        ev.ToolEnd(0, 1),
    ]
