"""Google: tools, the choice among them, and their names."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.upstream import Target
from tests.providers.google_scene import (
    HI,
    answered,
    called,
    fragment,
    message,
    native,
    on_vertex,
    sse,
    target,
)

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def sent(to: Target | None = None, **body: Any) -> tuple[Any, Any]:
    built = native(body, to)
    return built.get("tools"), built.get("toolConfig")


def test_functions_are_declared_in_one_list_with_their_whole_schema() -> None:
    tools = [tool("f", description="d", parameters=SCHEMA, strict=False), tool("g")]

    assert sent(tools=tools) == (
        [
            {
                "functionDeclarations": [
                    {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA},
                    {"name": "g"},
                ]
            }
        ],
        None,
    )


def test_older_models_get_the_subset() -> None:
    [tools], _ = sent(target("gemini-1.5-pro"), tools=[tool("f", parameters={"const": 1})])

    assert tools["functionDeclarations"] == [
        {"name": "f", "parameters": {"type": "object", "description": "(const: 1)"}}
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (tool("g"), {"mode": "ANY", "allowedFunctionNames": ["g"]}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("g")]}},
            {"mode": "ANY", "allowedFunctionNames": ["g"]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("g")]}},
            {"mode": "VALIDATED", "allowedFunctionNames": ["g"]},
        ),
    ],
    ids=str,
)
def test_the_choice_is_a_mode_and_the_tools_are_kept(choice: Any, config: dict[str, Any]) -> None:
    tools, found = sent(tools=[tool("f"), tool("g")], tool_choice=choice)

    assert found == {"functionCallingConfig": config}
    assert len(tools[0]["functionDeclarations"]) == 2


def test_models_that_cannot_limit_a_free_choice_are_not_told_of_the_others() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("g")]}}
    tools, config = sent(
        target("gemini-2.0-flash"), tools=[tool("f"), tool("g")], tool_choice=choice
    )

    assert tools == [{"functionDeclarations": [{"name": "g"}]}]
    assert config == {"functionCallingConfig": {"mode": "AUTO"}}


def test_allowed_tools_that_are_none_are_refused() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("x")]}}

    with pytest.raises(InvalidRequest) as refused:
        sent(tools=[tool("f")], tool_choice=choice)

    assert refused.value.param == "tool_choice"


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-flash-preview"])
def test_strict_tools_are_called_as_their_schemas_say(model: str) -> None:
    both = [tool("f", strict=True), tool("g", strict=True)]
    _, config = sent(target(model), tools=both)
    assert config == {"functionCallingConfig": {"mode": "VALIDATED"}}

    assert sent(target(model), tools=[tool("f", strict=True), tool("g")])[1] is None
    assert sent(target("gemini-2.0-flash"), tools=both)[1] is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "google_search"}, {"googleSearch": {}}),
        ({"type": "googleSearch"}, {"googleSearch": {}}),
        ({"type": "web_search"}, {"googleSearch": {}}),
        ({"type": "url_context", "url_context": {}}, {"urlContext": {}}),
        ({"type": "code_execution"}, {"codeExecution": {}}),
        (
            {"type": "file_search", "file_search": {"fileSearchStoreNames": ["s"]}},
            {"fileSearch": {"fileSearchStoreNames": ["s"]}},
        ),
        (
            {"type": "google_maps", "enable_widget": True},
            {"googleMaps": {"enable_widget": True}},
        ),
    ],
    ids=str,
)
def test_tools_that_run_at_google_stand_by_themselves(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert sent(tools=[given]) == ([expected], None)


def test_openais_web_search_is_googles() -> None:
    assert sent(web_search_options={"search_context_size": "low"}) == ([{"googleSearch": {}}], None)
    both = sent(web_search_options={}, tools=[{"type": "google_search"}])
    assert both == ([{"googleSearch": {}}], None)


def test_functions_beside_googles_tools_have_to_be_asked_for() -> None:
    tools = [{"type": "google_search"}, tool("f")]
    mixed = {"includeServerSideToolInvocations": True}

    assert sent(tools=tools)[1] == mixed
    assert sent(tools=tools, tool_choice="auto")[1] == mixed
    assert sent(tools=tools, tool_choice="required")[1] == {
        "functionCallingConfig": {"mode": "ANY"},
        **mixed,
    }
    assert sent(target("gemini-2.5-flash"), tools=tools)[1] is None
    assert sent(on_vertex("gemini-3-flash-preview"), tools=tools)[1] is None


def test_a_tool_of_another_vendor_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        sent(tools=[tool("f"), {"type": "bash_20250124", "name": "bash"}])

    assert (refused.value.param, refused.value.code) == ("tools[1].type", "unsupported_tool")


CUSTOM = {
    "type": "custom",
    "custom": {
        "name": "sql",
        "description": "Runs it.",
        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}},
    },
}


def test_a_custom_tool_is_a_function_of_one_text_and_turns_back() -> None:
    [declared], _ = sent(tools=[CUSTOM])
    [function] = declared["functionDeclarations"]
    assert function["parametersJsonSchema"]["properties"] == {"input": {"type": "string"}}
    assert function["description"] == "Runs it. The input must match this lark grammar:\nstart: X"

    call = {"functionCall": {"id": "a", "name": "sql", "args": {"input": "select 1"}}}
    [told] = message(sse(fragment(call, finish="STOP")), {"tools": [CUSTOM]})["tool_calls"]
    assert told == {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("get_weather", "get_weather"),
        ("a.b:c-d", "a.b:c-d"),
        ("2fast", "_2fast"),
        ("-x", "_-x"),
        ("größe", "gr__e"),
        ("a/b", "a_b"),
        ("x" * 70, "x" * 64),
    ],
)
def test_names_are_made_legal_and_turned_back(name: str, wire: str) -> None:
    messages = [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [called(name)]},
        answered("1"),
    ]
    choice = tool(name)
    body = native({"tools": [tool(name)], "tool_choice": choice, "messages": messages})
    assert body["tools"][0]["functionDeclarations"][0]["name"] == wire
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [wire]
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == wire
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == wire

    reply = sse(fragment({"functionCall": {"name": wire, "args": {}}}, finish="STOP"))
    [told] = message(reply, {"tools": [tool(name)]})["tool_calls"]
    assert told["function"]["name"] == name


def test_names_that_become_alike_are_told_apart() -> None:
    tools = [tool("a/b"), tool("a_b"), tool("a?b")]
    [declared], _ = sent(tools=tools)

    names = [function["name"] for function in declared["functionDeclarations"]]
    assert names == ["a_b_2", "a_b", "a_b_3"]
