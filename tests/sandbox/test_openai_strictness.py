"""What OpenAI refuses, the sandbox refuses: a leak from another format must not pass unseen."""

import base64
from typing import Any

import httpx
import pytest

from tests.sandbox.talking import OPENAI, PNG, chat, function

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "done"}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED_SCHEMA = {**OPEN_SCHEMA, "required": ["a"], "additionalProperties": False}


def _refused(http: httpx.Client, request: dict[str, Any]) -> tuple[str | None, str | None]:
    reply = http.post(OPENAI, json=request)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error["param"], error["code"]


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"top_k": 5}, "top_k", "unknown_parameter"),
        ({"gateway": {"feature": "x"}}, "gateway", "unknown_parameter"),
        ({"thinking": {"type": "enabled"}}, "thinking", "unknown_parameter"),
        ({"temperature": 2.5}, "temperature", "decimal_above_max_value"),
        ({"temperature": -1}, "temperature", "decimal_below_min_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"top_p": 2}, "top_p", "decimal_above_max_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
        ({"max_tokens": 9, "max_completion_tokens": 9}, "max_tokens", "invalid_parameter_combination"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length"),
        ({"stop": 7}, "stop", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "unknown_parameter"),
        ({"top_logprobs": 2}, "top_logprobs", None),
        ({"tool_choice": "auto"}, "tool_choice", None),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", None),
        ({"tools": []}, "tools", "empty_array"),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type", "missing_required_parameter"),
        ({"tools": [{"type": "web"}]}, "tools[0].type", "invalid_value"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "missing_required_parameter"),
        ({"tools": [function("no spaces")]}, "tools[0].function.name", "invalid_value"),
        ({"tools": [function("f" * 65)]}, "tools[0].function.name", "string_above_max_length"),
        ({"tools": [{**function("f"), "cache_control": {}}]}, "tools[0].cache_control", "unknown_parameter"),
        ({"tools": [function("f", {"type": "array"})]}, "tools[0].function.parameters", "invalid_function_parameters"),
        ({"tools": [function("f", {"type": "nonsense"})]}, "tools[0].function.parameters", "invalid_function_parameters"),
        ({"tools": [function("f")], "tool_choice": "any"}, "tool_choice", "invalid_value"),
        ({"tools": [function("f")], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice", None),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_object"}}, "messages", None),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing_required_parameter"),
        ({"reasoning_effort": "low"}, None, None),
        ({"web_search_options": {}}, "web_search_options", None),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({"service_tier": "gold"}, "service_tier", "invalid_value"),
    ],
)  # fmt: skip
def test_parameters_are_checked(
    http: httpx.Client, more: dict[str, Any], param: str | None, code: str | None
) -> None:
    assert _refused(http, chat("gpt-4o", **more)) == (param, code)


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        (CLOSED_SCHEMA, True),
        (OPEN_SCHEMA, False),
        ({**CLOSED_SCHEMA, "required": []}, False),
        ({**CLOSED_SCHEMA, "properties": {"a": {"type": "array", "items": OPEN_SCHEMA}}}, False),
    ],
)
def test_strict_schemas_must_be_closed(
    http: httpx.Client, schema: dict[str, Any], fits: bool
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    strict = {"name": "f", "strict": True, "parameters": schema}
    for more in (
        {"response_format": wanted},
        {"tools": [{"type": "function", "function": strict}]},
    ):
        reply = http.post(OPENAI, json=chat("gpt-4o", **more))
        assert reply.status_code == (200 if fits else 400)


@pytest.mark.parametrize(
    ("model", "more", "param", "code"),
    [
        ("gpt-5", {"max_tokens": 9}, "max_tokens", "unsupported_parameter"),
        ("o3-mini", {"max_tokens": 9}, "max_tokens", "unsupported_parameter"),
        ("gpt-5-mini", {"temperature": 0.5}, "temperature", "unsupported_value"),
        ("gpt-5-mini", {"top_p": 0.5}, "top_p", "unsupported_parameter"),
        ("o3-mini", {"stop": ["x"]}, "stop", "unsupported_parameter"),
    ],
)
def test_reasoning_models_take_less(
    http: httpx.Client, model: str, more: dict[str, Any], param: str, code: str
) -> None:
    assert _refused(http, chat(model, **more)) == (param, code)


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("gpt-5", {"max_completion_tokens": 99, "temperature": 1}),
        ("gpt-5-chat-latest", {"max_tokens": 99, "temperature": 0.5}),
        ("gpt-5.4", {"temperature": 0.5}),
        ("o3-mini", {"reasoning_effort": "low", "stop": []}),
        ("gpt-4o", {"max_tokens": 99, "temperature": 2, "seed": 7, "user": "u", "stop": None}),
        ("sandbox-echo", {"reasoning_effort": "low", "max_tokens": 99}),
    ],
)
def test_what_a_model_does_take_passes(
    http: httpx.Client, model: str, more: dict[str, Any]
) -> None:
    assert http.post(OPENAI, json=chat(model, **more)).status_code == 200


@pytest.mark.parametrize(
    ("messages", "param", "code"),
    [
        ([], "messages", "empty_array"),
        ("hi", "messages", "invalid_type"),
        ([{"content": "hi"}], "messages[0].role", "missing_required_parameter"),
        ([{"role": "model", "content": "hi"}], "messages[0].role", "invalid_value"),
        ([{"role": "user", "content": None}], "messages.[0].content", None),
        ([{"role": "user", "content": 7}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": [{"text": "hi"}]}], "messages[0].content[0].type", "missing_required_parameter"),
        ([{"role": "user", "content": [{"type": "image"}]}], "messages[0].content[0].type", "invalid_value"),
        ([{**USER, "cache_control": {"type": "ephemeral"}}], "messages[0].cache_control", "unknown_parameter"),
        ([{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}], "messages[0].content[0].cache_control", "unknown_parameter"),
        ([USER, {"role": "assistant", "content": "x", "reasoning_content": "y"}], "messages[1].reasoning_content", "unknown_parameter"),
        ([USER, {"role": "assistant", "content": "x", "reasoning_details": []}], "messages[1].reasoning_details", "unknown_parameter"),
        ([USER, {**CALLED, "tool_calls": [{**CALL, "extra_content": {}}]}, RESULT], "messages[1].tool_calls[0].extra_content", "unknown_parameter"),
        ([USER, {**CALLED, "tool_calls": [{**CALL, "index": 0}]}, RESULT], "messages[1].tool_calls[0].index", "unknown_parameter"),
        ([USER, {**CALLED, "content": "x", "tool_calls": []}], "messages[1].tool_calls", "empty_array"),
        ([USER, {**CALLED, "tool_calls": [{"id": "c1", "function": {}}]}], "messages[1].tool_calls[0].type", "missing_required_parameter"),
        ([USER, {**CALLED, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": {}}}]}], "messages[1].tool_calls[0].function.arguments", "invalid_type"),
        ([USER, CALLED], "messages.[1].role", None),
        ([USER, CALLED, USER], "messages.[2].role", None),
        ([USER, RESULT], "messages.[1].role", None),
        ([USER, CALLED, {**RESULT, "tool_call_id": "c2"}], "messages.[2].tool_call_id", None),
        ([USER, CALLED, {"role": "tool", "content": "x"}], "messages[2].tool_call_id", "missing_required_parameter"),
        ([USER, {"role": "assistant", "content": None}], "messages.[1].content", None),
    ],
)  # fmt: skip
def test_messages_are_checked(
    http: httpx.Client, messages: Any, param: str, code: str | None
) -> None:
    assert _refused(http, {"model": "gpt-4o", "messages": messages}) == (param, code)


def test_an_answered_call_passes_whatever_follows(http: httpx.Client) -> None:
    two = {**CALLED, "tool_calls": [CALL, {**CALL, "id": "c2"}]}
    other = {**RESULT, "tool_call_id": "c2"}
    for rest in ([], [USER], [{"role": "assistant", "content": "done"}, USER]):
        messages = [USER, two, other, RESULT, *rest]
        reply = http.post(OPENAI, json={"model": "gpt-4o", "messages": messages})
        assert reply.status_code == 200


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("data:image/png;base64," + base64.b64encode(PNG).decode(), True),
        ("data:image/jpeg;base64," + base64.b64encode(PNG).decode(), True),  # the bytes decide
        ("https://example.com/a.png", True),
        ("data:image/png;base64," + base64.b64encode(b"BM not a picture").decode(), False),
        ("data:image/png;base64,***", False),
        ("ftp://example.com/a.png", False),
    ],
)
def test_pictures_are_looked_at(http: httpx.Client, url: str, fits: bool) -> None:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    reply = http.post(
        OPENAI, json=chat("gpt-4o") | {"messages": [{"role": "user", "content": content}]}
    )
    assert reply.status_code == (200 if fits else 400)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[1]", 400),
        (b'{"model": "gpt-4o"}', 400),
        (b'{"messages": []}', 400),
        (b'{"model": 7, "messages": [{}]}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"x" * (32 * 1024 * 1024 + 1), 413),
    ],
)
def test_garbage_gets_the_vendors_error(http: httpx.Client, body: bytes, status: int) -> None:
    reply = http.post(OPENAI, content=body)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


def test_unknown_paths_get_the_vendors_error(http: httpx.Client) -> None:
    for method, path in (("POST", "/openai/v1/responses"), ("GET", OPENAI), ("POST", "/openai")):
        reply = http.request(method, path)
        assert reply.status_code == 404
        assert reply.json()["error"]["type"] == "invalid_request_error"
