"""Reading tools and tool choice."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.chat import CacheMarker, Tool, ToolChoice, ToolChoiceMode
from gateway.wire.chat_tools import ToolWishes, read_tools

SCHEMA = {"type": "object", "properties": {}}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}


def read(tools: Any = None, choice: Any = None, **more: Any) -> ToolWishes:
    return read_tools({"tools": tools, "tool_choice": choice, **more})


def test_a_function_is_read_with_all_it_says() -> None:
    node = {
        "type": "function",
        "function": {
            "name": "f",
            "description": "d",
            "parameters": SCHEMA,
            "strict": False,
            "returns": "x",
        },
        "cache_control": {"type": "ephemeral"},
        "eager_input_streaming": True,
    }

    assert read([node]).tools == (
        Tool(
            "function",
            "f",
            "d",
            SCHEMA,
            strict=False,
            cache=CacheMarker(),
            raw={"eager_input_streaming": True, "function": {"returns": "x"}},
        ),
    )


def test_a_function_without_a_type_is_one() -> None:
    assert read([{"function": {"name": "f"}}]).tools == (Tool("function", "f"),)


def test_custom_and_native_tools_travel_whole() -> None:
    custom = {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}}
    native = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    bare = {"type": "openrouter:web_search"}

    assert read([custom, native, bare]).tools == (
        Tool("custom", "g", raw=custom),
        Tool("web_search_20250305", "web_search", raw=native),
        Tool("openrouter:web_search", "openrouter:web_search", raw=bare),
    )


NAMED = {"type": "function", "function": {"name": "f"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("auto", ToolChoice(ToolChoiceMode.AUTO, raw="auto")),
        ("none", ToolChoice(ToolChoiceMode.NONE, raw="none")),
        ("required", ToolChoice(ToolChoiceMode.REQUIRED, raw="required")),
        ("any", ToolChoice(ToolChoiceMode.REQUIRED, raw="required")),
        (NAMED, ToolChoice(ToolChoiceMode.NAMED, "f", raw=NAMED)),
        (ALLOWED, ToolChoice(ToolChoiceMode.REQUIRED, allowed=("f",), raw=ALLOWED)),
    ],
)
def test_every_form_of_choice_is_read(node: Any, expected: ToolChoice) -> None:
    assert read([FUNCTION], node).choice == expected


def test_functions_become_tools() -> None:
    wishes = read(functions=[{"name": "f", "parameters": SCHEMA}], function_call={"name": "f"})

    named = ToolChoice(ToolChoiceMode.NAMED, "f", raw=NAMED)
    assert wishes == ToolWishes((Tool("function", "f", schema=SCHEMA),), named, legacy=True)


@pytest.mark.parametrize("word", ["auto", "none"])
def test_a_word_for_function_call_is_a_mode(word: str) -> None:
    wishes = read(functions=[{"name": "f"}], function_call=word)

    assert wishes.choice == ToolChoice(ToolChoiceMode(word), raw=word)


def test_tools_win_over_functions() -> None:
    wishes = read([FUNCTION], functions=[{"name": "old"}])

    assert [tool.name for tool in wishes.tools] == ["f"]
    assert not wishes.legacy


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "a\n"}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "x" * 257}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
        ({"tools": [{"function": {"name": "f", "strict": "x"}}]}, "tools[0].function.strict"),
        ({"tools": [{"type": "custom"}]}, "tools[0].custom"),
        ({"tools": [FUNCTION], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": 5}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "tool"}}, "tool_choice.type"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools"}},
            "tool_choice.allowed_tools",
        ),
        (
            {
                "tools": [FUNCTION],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "none"}},
            },
            "tool_choice.allowed_tools.mode",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{"name": "f"}], "function_call": 5}, "function_call"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call"),
        ({"functions": [{}]}, "functions[0].name"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_path(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_tools(body)

    assert caught.value.param == param
