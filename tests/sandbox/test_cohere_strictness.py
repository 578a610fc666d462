"""What Cohere refuses, and in which words."""

from typing import Any

import httpx
import pytest

from tests.sandbox.dialects import COHERE
from tests.sandbox.talking import chat, function

USER = {"role": "user", "content": "hi"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def calling(*ids: str, **more: Any) -> dict[str, Any]:
    """Return an assistant's message that calls a tool."""
    calls = [
        {"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids
    ]
    return {"role": "assistant", "tool_calls": calls, **more}


def result(identity: str | None = "f_1", content: Any = "done") -> dict[str, Any]:
    """Return a tool's message."""
    return {"role": "tool", "tool_call_id": identity, "content": content}


def talk(http: httpx.Client, *messages: Any, **more: Any) -> httpx.Response:
    """Send a conversation."""
    request = {"model": "command-a-03-2025", "messages": list(messages), **more}
    return http.post(COHERE, json=request)


@pytest.mark.parametrize(
    "name",
    ["n", "top_p", "top_k", "stop", "max_completion_tokens", "user", "stream_options",
     "logit_bias", "message", "parallel_tool_calls", "reasoning_effort"],
)  # fmt: skip
def test_a_member_of_another_format_is_a_422(http: httpx.Client, name: str) -> None:
    reply = http.post(COHERE, json={**chat("command-a-03-2025"), name: 1})
    assert reply.status_code == 422
    wanted = f"unknown field: parameter '{name}' is not a valid field."
    assert reply.json()["message"].startswith(wanted)


@pytest.mark.parametrize(
    ("more", "found", "wanted"),
    [
        ({"temperature": "warm"}, "string", "float64"),
        ({"max_tokens": 1.5}, "number", "int32"),
        ({"stream": "yes"}, "string", "bool"),
        ({"stop_sequences": "x"}, "string", "array"),
        ({"tools": {}}, "Object", "array"),
        ({"response_format": "json"}, "string", "Object"),
        ({"k": True}, "bool", "int32"),
    ],
)
def test_a_value_of_the_wrong_type_is_a_422(
    http: httpx.Client, more: dict[str, Any], found: str, wanted: str
) -> None:
    reply = http.post(COHERE, json=chat("command-a-03-2025", **more))
    assert reply.status_code == 422
    name = next(iter(more))
    message = reply.json()["message"]
    assert message.startswith(f"invalid type: parameter '{name}' is of type {found}")
    assert f"should be of type {wanted}." in message


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"temperature": 1.1}, "temperature must be between 0 and 1"),
        ({"p": 1.0}, "p must be between 0.01 and 0.99"),
        ({"k": 501}, "k must be between 0 and 500"),
        ({"frequency_penalty": 2}, "frequency_penalty must be between 0 and 1"),
        ({"stop_sequences": list("abcdef")}, "at most 5 - received 6"),
        ({"tool_choice": "auto"}, "tool_choice must be one of"),
        ({"tool_choice": "REQUIRED"}, "can only be used with tools"),
        ({"strict_tools": True}, "can only be used with tools"),
        ({"safety_mode": "NONE"}, "safety_mode must be one of"),
        ({"response_format": {"type": "json_schema"}}, "response_format.type must be one of"),
        ({"response_format": {"type": "json_object"}, "tools": [function("f")]},
         "not supported with tools"),
        ({"response_format": {"type": "json_object"}, "documents": ["d"]}, "not supported with RAG"),
        ({"response_format": {"type": "json_object", "json_schema": {"type": "array"}}},
         "schema must be an object"),
        ({"response_format": {"type": "json_object", "json_schema": {
            "type": "object", "required": ["a"], "properties": {}}}},
         "required field a not found in properties"),
        ({"documents": []}, "must not be empty"),
        ({"documents": [{"data": {}}]}, "cannot be empty"),
        ({"max_tokens": 8001}, "max tokens must be less than or equal to 8000"),
        ({"thinking": {"type": "enabled"}}, "not supported by the provided model"),
        ({"citation_options": {"mode": "slow"}}, "citation_options.mode must be one of"),
        ({"tools": [function("get-weather")]}, "provided name: 'get-weather'"),
        ({"tools": [function("1st")]}, "provided name: '1st'"),
        ({"tools": [function("f", {"type": "string"})]}, "schema must be an object"),
        ({"model": ""}, "a model parameter is required"),
        ({"messages": []}, "must have at least one message"),
    ],
)  # fmt: skip
def test_bad_values_and_company_are_a_400(
    http: httpx.Client, more: dict[str, Any], words: str
) -> None:
    reply = http.post(COHERE, json={**chat("command-a-03-2025"), **more})
    assert reply.status_code == 400, reply.text
    assert words in reply.json()["message"]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "developer", "content": "x"}], "messages.role must be one of"),
        ([{"content": "x"}], "messages.role is required"),
        ([USER, {"role": "system", "content": "x"}], "system turn must be the first"),
        ([{"role": "user", "content": " "}], "must not be empty in a turn"),
        ([{"role": "user", "content": []}], "must not be empty in a turn"),
        ([USER, {"role": "assistant", "content": ""}, USER], "must not be empty in a turn"),
        ([USER, calling("f_1"), USER], "must be followed by its tool message"),
        ([USER, calling("f_1", "f_2"), result()], "must be followed by its tool message"),
        ([USER, calling("f_1"), result("f_9")], "not found in previous tool calls"),
        ([USER, calling("f_1"), result(None)], "tool call id must be provided"),
        ([USER, calling("f_1", "f_1"), result()], "duplicate tool ids"),
        ([{"role": "user", "content": [IMAGE]}], "images are not supported"),
        ([{"role": "user", "content": [{"type": "input_text", "text": "x"}]}],
         "messages.content.type must be one of"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages.content.text is required"),
    ],
)  # fmt: skip
def test_bad_messages_are_a_400(http: httpx.Client, messages: list[Any], words: str) -> None:
    reply = talk(http, *messages)
    assert reply.status_code == 400, reply.text
    assert words in reply.json()["message"]


@pytest.mark.parametrize(
    "message",
    [
        {**USER, "name": "Ann"},
        {"role": "assistant", "content": "x", "refusal": None},
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]},
        "hello",
        {"role": "user", "content": 7},
        calling("f_1", index=0),
    ],
)
def test_badly_shaped_messages_are_a_422(http: httpx.Client, message: Any) -> None:
    assert talk(http, USER, message).status_code == 422


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "be kind"}, USER],
        [USER, USER],
        [USER, {"role": "assistant", "content": "well"}],
        [USER, calling("f_1", tool_plan="I will"), result(), USER],
        [USER, calling("f_1", "f_2"), result("f_2"), result()],
        [USER, calling("f_1"), result(content=[{"type": "text", "text": "done"}])],
    ],
)
def test_good_messages_are_taken(http: httpx.Client, messages: list[Any]) -> None:
    assert talk(http, *messages).status_code == 200


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///x", "must be a web address"),
        ("data:image/png;base64,%", "could not be decoded"),
        ("data:image/png;base64,aGk=", "unsupported image format"),
    ],
)
def test_bad_pictures_are_a_400(http: httpx.Client, url: str, words: str) -> None:
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    reply = talk(http, message, model="command-a-vision-07-2025")
    assert reply.status_code == 400
    assert words in reply.json()["message"]


def test_unknown_models_are_a_404(http: httpx.Client) -> None:
    for model in ("missing-model", "sandbox-ecko"):
        reply = http.post(COHERE, json=chat(model))
        assert reply.status_code == 404
        assert reply.json()["message"].startswith(f"model '{model}' not found")


def test_a_body_that_is_no_json_is_a_400(http: httpx.Client) -> None:
    for body in (b"", b"{", b"[]"):
        assert http.post(COHERE, content=body).status_code == 400
