"""Anthropic: tools, their names, and the choice among them."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from tests.providers.anthropic_scene import HI, native, target

EMPTY = {"type": "object", "properties": {}}
F = {"type": "function", "function": {"name": "f"}}
G = {"type": "function", "function": {"name": "g"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
CALLED = [
    {"role": "user", "content": "hi"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f.x", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "ok"},
]


def function(**members: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **members}}


def tools(*given: dict[str, Any], **body: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = native({"tools": list(given), **body})["tools"]
    return found


def choice(model: str = "claude-sonnet-4-5", **body: Any) -> Any:
    return native({"tools": [F, G], **body}, target(model)).get("tool_choice")


def test_a_function_keeps_its_name_description_and_schema() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer", "minimum": 1}}}

    assert tools(function(description="does", parameters=schema)) == [
        {"name": "f", "description": "does", "input_schema": schema}
    ]
    assert tools(function(description="")) == [
        {"name": "f", "description": "", "input_schema": EMPTY}
    ]


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        (None, EMPTY),
        ({}, {"type": "object"}),
        ({"properties": {"x": {}}}, {"properties": {"x": {}}, "type": "object"}),
        (
            {"anyOf": [{"properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
                       {"properties": {"a": {"type": "null"}, "c": {}}, "required": ["a"]}]},
            {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["a"]},
        ),
        (
            {"type": "object", "required": ["z"],
             "allOf": [{"required": ["a"]}, {"required": ["b"], "properties": {"b": {}}}]},
            {"type": "object", "properties": {"b": {}}, "required": ["z", "a", "b"]},
        ),
    ],
)  # fmt: skip
def test_every_schema_is_an_object_at_the_top(sent: Any, written: dict[str, Any]) -> None:
    assert tools(function(parameters=sent))[0]["input_schema"] == written


def test_strict_tools_are_closed_and_their_limits_moved_into_words() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^a$"}}}
    strict = function(parameters=schema, strict=True)

    [tool] = tools(strict)
    assert tool["strict"] is True
    assert tool["input_schema"] == {
        "type": "object",
        "properties": {"x": {"type": "string", "description": '(pattern: "^a$")'}},
        "additionalProperties": False,
    }
    older = native({"tools": [strict]}, target("claude-3-5-haiku-latest"))["tools"]
    assert older == [{"name": "f", "input_schema": schema}]


def test_markers_and_anthropics_own_members_stay_on_a_tool() -> None:
    marked = {**function(defer_loading=True), "cache_control": {"type": "ephemeral"}}
    marked["input_examples"] = [{"x": 1}]

    assert tools(marked) == [
        {
            "name": "f",
            "input_schema": EMPTY,
            "defer_loading": True,
            "input_examples": [{"x": 1}],
            "cache_control": {"type": "ephemeral"},
        }
    ]


def test_a_custom_tool_is_offered_as_a_function_of_one_text() -> None:
    grammar = {"syntax": "lark", "definition": "start: WORD"}
    custom = {
        "type": "custom",
        "custom": {
            "name": "shell",
            "description": "runs it",
            "format": {"type": "grammar", "grammar": grammar},
        },
    }

    [tool] = tools(custom)

    assert tool["name"] == "shell"
    assert tool["description"] == "runs it The input must match this lark grammar:\nstart: WORD"
    assert tool["input_schema"] == {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": False,
    }


def test_a_custom_call_in_the_history_is_put_back_the_same_way() -> None:
    call = {"id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls -l\n"}}
    messages = [
        *HI,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "ok"},
    ]

    [_, said, _] = native({"messages": messages})["messages"]

    assert said["content"] == [
        {"type": "tool_use", "id": "a", "name": "shell", "input": {"input": "ls -l\n"}}
    ]


def test_anthropics_own_tools_travel_whole_and_others_are_refused() -> None:
    assert tools(F, SEARCH) == [{"name": "f", "input_schema": EMPTY}, SEARCH]
    toolset = {"type": "mcp_toolset", "mcp_server_name": "m"}
    assert tools(toolset) == [toolset]

    for kind in ("web_search_preview", "code_interpreter", "googleSearch"):
        with pytest.raises(InvalidRequest) as refusal:
            tools(F, {"type": kind})
        assert refusal.value.param == "tools[1].type"


def test_illegal_names_are_respelled_everywhere_and_stay_apart() -> None:
    odd = [{"type": "function", "function": {"name": n}} for n in ("f.x", "f_x", "f/x", "é" * 200)]
    named = {"type": "function", "function": {"name": "f.x"}}

    body = native({"tools": odd, "tool_choice": named, "messages": CALLED})

    assert [tool["name"] for tool in body["tools"]] == ["f_x_2", "f_x", "f_x_3", "_" * 128]
    assert body["tool_choice"] == {"type": "tool", "name": "f_x_2"}
    assert body["messages"][1]["content"][0]["name"] == "f_x_2"


def test_a_function_makes_way_for_a_native_tool_of_its_name() -> None:
    mine = {"type": "function", "function": {"name": "web_search"}}

    assert [tool["name"] for tool in tools(mine, SEARCH)] == ["web_search_2", "web_search"]
    assert [tool["name"] for tool in tools(mine, web_search_options={})] == [
        "web_search_2",
        "web_search",
    ]


def test_web_search_options_become_the_web_search_tool() -> None:
    where = {"type": "approximate", "approximate": {"city": "Bern", "country": "CH", "region": ""}}
    options = {"search_context_size": "low", "user_location": where}

    assert native({"web_search_options": options})["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "user_location": {"type": "approximate", "city": "Bern", "country": "CH"},
        }
    ]
    assert tools(SEARCH, web_search_options={}) == [SEARCH]


def test_a_conversation_with_calls_but_without_tools_defines_them_uncallably() -> None:
    body = native({"messages": CALLED})

    assert [tool["name"] for tool in body["tools"]] == ["f_x"]
    assert body["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": G}, {"type": "tool", "name": "g"}),
        ({"parallel_tool_calls": True}, None),
        (
            {"parallel_tool_calls": False},
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        (
            {"parallel_tool_calls": False, "tool_choice": G},
            {"type": "tool", "name": "g", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_every_tool_choice_has_its_form(sent: dict[str, Any], written: Any) -> None:
    assert choice(**sent) == written


def test_without_tools_no_choice_is_sent() -> None:
    assert "tool_choice" not in native({"tool_choice": "auto", "parallel_tool_calls": False})


@pytest.mark.parametrize(("mode", "kind"), [("auto", "auto"), ("required", "any")])
def test_allowed_tools_filter_the_tools(mode: str, kind: str) -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [G]}}

    body = native({"tools": [F, G], "tool_choice": allowed})

    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": kind}


def test_allowed_tools_that_allow_none_are_refused() -> None:
    other = {"type": "function", "function": {"name": "other"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [other]}}

    with pytest.raises(InvalidRequest) as refusal:
        native({"tools": [F], "tool_choice": allowed})

    assert refusal.value.param == "tool_choice"


@pytest.mark.parametrize(
    "model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5", "claude-mythos-preview"]
)
def test_models_that_cannot_be_forced_are_told_in_words(model: str) -> None:
    required = native({"tools": [F, G], "tool_choice": "required"}, target(model))
    named = native({"tools": [F, G], "tool_choice": G}, target(model))

    assert required["tool_choice"] == named["tool_choice"] == {"type": "auto"}
    assert "at least one of the tools" in required["system"][-1]["text"]
    assert 'the tool "g"' in named["system"][-1]["text"]


@pytest.mark.parametrize("model", ["claude-opus-5", "claude-haiku-5-5", "claude-sonnet-4-6"])
def test_other_models_are_forced(model: str) -> None:
    assert choice(model, tool_choice="required") == {"type": "any"}
