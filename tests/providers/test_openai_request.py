"""Writing a chat request in OpenAI's format."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from gateway.errors import InvalidRequest
from gateway.providers.compatible import VENDORS
from gateway.types.chat import (
    ChatRequest,
    Message,
    OutputFormat,
    Role,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from gateway.types.models import ReasoningStyle
from gateway.types.secret import Secret
from gateway.types.upstream import Credential
from tests.providers.openai_scene import USER, chat, provider, sent, target
from tests.wire.any_request import MESSAGES, TOP

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
FUNCTION = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "odd": 1}}


def test_what_the_client_sent_goes_out_as_it_was() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "be brief", "name": "dev"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "a", "odd": 1}, {"type": "x", "y": 2}],
        },
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "u", "detail": "low", "odd": 1}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:,x", "filename": "f"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "7"}]},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": "x", "annotations": [], "audio": {"id": "a"}},
        {"role": "user", "content": "again"},
    ]
    members = {
        "tools": [FUNCTION, {"type": "custom", "custom": {"name": "g"}}, {"type": "web"}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": True,
        "response_format": SCHEMA,
        "reasoning_effort": "low",
        "temperature": 1,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["a", "b"],
        "frequency_penalty": 0,
        "presence_penalty": 0.5,
        "max_completion_tokens": 9,
        "n": 2,
        "user": "u",
        "brand_new": {"a": [None, 1]},
    }

    assert sent("openai", *messages, **members) == {
        "model": "model-1",
        "messages": messages,
        **members,
    }


def test_a_stream_always_asks_for_usage() -> None:
    body = sent("openai", stream=True, stream_options={"include_obfuscation": False})

    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert not sent("openai").keys() & {"stream", "stream_options"}


def test_extensions_of_history_stay_here() -> None:
    replayed = {
        "role": "assistant",
        "content": "x",
        "reasoning_content": "hm",
        "reasoning_details": [{"type": "thinking", "text": "hm"}],
        "thinking_blocks": [],
        "provider_specific_fields": {"a": 1},
        "cache_control": {"type": "ephemeral"},
        "tool_calls": [{**CALL, "index": 0, "extra_content": {"google": {}}}],
    }
    marked = {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}
    tool = {**FUNCTION, "cache_control": {"type": "ephemeral"}}

    body = sent("openai", USER, replayed, marked, tools=[tool])

    assert body["messages"] == [
        USER,
        {"role": "assistant", "content": "x", "tool_calls": [CALL]},
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
    ]
    assert body["tools"] == [FUNCTION]


@pytest.mark.parametrize(
    ("info", "field"),
    [
        ({}, "max_tokens"),
        ({"reasoning": ReasoningStyle.NONE}, "max_tokens"),
        ({"reasoning": ReasoningStyle.EFFORT}, "max_completion_tokens"),
        ({"refuses": ("max_tokens",)}, "max_completion_tokens"),
    ],
)
def test_the_token_limit_is_spelled_as_the_model_wants_it(info: Any, field: str) -> None:
    body = sent("openai", max_tokens=5, info=info)

    assert {name for name in body if name.startswith("max_")} == {field}
    assert body[field] == 5


def test_a_model_that_knows_only_the_old_limit_gets_that() -> None:
    body = sent("openai", max_completion_tokens=5, info={"refuses": ("max_completion_tokens",)})

    assert body["max_tokens"] == 5


EFFORT = {"reasoning": ReasoningStyle.EFFORT}


@pytest.mark.parametrize(
    ("members", "info", "effort"),
    [
        ({"reasoning_effort": "none"}, {}, "none"),
        ({"reasoning": {"effort": "high"}}, EFFORT, "high"),
        ({"reasoning": {"effort": "high"}}, {}, None),
        ({"reasoning": {"max_tokens": 1_000}}, EFFORT, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4_096}}, EFFORT, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, EFFORT, "high"),
        ({"thinking": {"type": "disabled"}}, EFFORT, None),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, {}, "low"),
    ],
)
def test_foreign_wishes_to_think_become_an_effort_where_the_model_knows_it(
    members: Any, info: Any, effort: str | None
) -> None:
    body = sent("openai", info=info, **members)

    assert body.get("reasoning_effort") == effort
    assert not body.keys() & {"reasoning", "thinking"}


def test_deprecated_functions_are_sent_as_tools_for_one_call_at_a_time() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "7"}

    body = sent("openai", USER, call, result, functions=[{"name": "f"}], function_call="auto")

    made_id = body["messages"][1]["tool_calls"][0]["id"]
    assert body["messages"][2] == {
        "role": "tool",
        "content": "7",
        "name": "f",
        "tool_call_id": made_id,
    }
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("auto", False)


def test_a_request_that_no_client_of_this_format_wrote_is_spelled_out() -> None:
    request = ChatRequest(
        "m",
        (Message(Role.USER, "hi"),),
        tools=(Tool("function", "f", schema={"type": "object"}),),
        tool_choice=ToolChoice(ToolChoiceMode.NAMED, "f"),
        output=OutputFormat("json_schema", schema={"type": "object"}, strict=True),
    )

    body = orjson.loads(provider().build_chat(request, target()).body)

    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
    }


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(ToolChoiceMode.REQUIRED), "required"),
        (
            ToolChoice(ToolChoiceMode.AUTO, allowed=("f",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
        ),
    ],
)
def test_choices_without_a_clients_spelling(choice: ToolChoice, expected: Any) -> None:
    request = ChatRequest("m", (Message(Role.USER, "hi"),), tool_choice=choice)

    assert orjson.loads(provider().build_chat(request, target()).body)["tool_choice"] == expected


def test_the_native_request_is_complete_but_for_the_key() -> None:
    request = provider().build_chat(chat(stream=True), target())

    assert (request.method, request.url) == ("POST", "https://up.example/v1/chat/completions")
    assert request.headers == (("content-type", "application/json"),)
    assert request.stream

    signed = provider().authorize(request, Credential(Secret("sk-1")), 0.0)
    assert signed.headers[-1] == ("authorization", "Bearer sk-1")
    assert "sk-1" not in repr(signed)
    assert provider().authorize(request, None, 0.0) == request


def test_the_probe_costs_nothing() -> None:
    probe = provider().build_probe(target())

    assert (probe.method, probe.url, probe.body) == ("GET", "https://up.example/v1/models", b"")


@settings(max_examples=200, deadline=None)
@given(messages=MESSAGES, top=TOP)
def test_whatever_is_accepted_can_be_written_for_every_vendor(messages: Any, top: Any) -> None:
    try:
        request = chat(*messages, **top) if messages else chat(**top)
    except InvalidRequest:
        return
    for name in ("openai", *VENDORS):
        built = orjson.loads(provider(name).build_chat(request, target(name)).body)
        assert len(built["messages"]) == len(request.messages)


def test_native_blocks_of_another_vendor_are_not_sent() -> None:
    history = {
        "role": "assistant",
        "content": "Hi",
        "provider_content": {"format": "anthropic", "content": []},
    }
    body = sent("openai", USER, history, USER)
    assert body["messages"][1] == {"role": "assistant", "content": "Hi"}
