"""What Anthropic refuses, the sandbox refuses: a leak from another format must not pass unseen."""

import base64
from typing import Any

import httpx
import pytest

from tests.sandbox.talking import ANTHROPIC, PNG, message, tool

USER = {"role": "user", "content": "hi"}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "done"}
CALLED = {"role": "assistant", "content": [CALL]}
ANSWERED = {"role": "user", "content": [RESULT]}
EPHEMERAL = {"type": "ephemeral"}
OPEN_SCHEMA = {"type": "object", "properties": {}}
PIXELS = base64.b64encode(PNG).decode()


def text(value: str, **more: Any) -> dict[str, Any]:
    """Return a text block."""
    return {"type": "text", "text": value, **more}


def image(media_type: str, data: str) -> dict[str, Any]:
    """Return a picture."""
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "image", "source": source}


def _refused(http: httpx.Client, request: dict[str, Any], **headers: str) -> str:
    reply = http.post(ANTHROPIC, json=request, headers=headers)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["type"] == "invalid_request_error"
    return str(reply.json()["error"]["message"])


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"frequency_penalty": 1}, "frequency_penalty: Extra inputs are not permitted"),
        ({"reasoning_effort": "low"}, "reasoning_effort: Extra inputs are not permitted"),
        ({"gateway": {}}, "gateway: Extra inputs are not permitted"),
        ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
        ({"temperature": "hot"}, "temperature: Input should be a valid number"),
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"max_tokens": 1.5}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 64_001}, "max_tokens: 64001 > 64000"),
        ({"stream": 1}, "stream: Input should be a valid boolean"),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
        ({"stop_sequences": [" "]}, "stop_sequences: each stop sequence must contain"),
        ({"metadata": {"plan": "gold"}}, "metadata.plan: Extra inputs are not permitted"),
        ({"metadata": {"user_id": "ada@example.com"}}, "email address"),
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
        ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "`max_tokens` must be greater"),
        ({"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported"),
        ({"max_tokens": 2000, "temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "`temperature` may only be set to 1"),
        ({"max_tokens": 2000, "top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "`top_k` must be unset"),
        ({"max_tokens": 2000, "top_p": 0.5, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "`top_p` must be greater"),
        ({"thinking": {}}, "thinking.type: Field required"),
        ({"thinking": {"type": "auto"}}, "Input tag 'auto'"),
        ({"tools": [{**tool("f"), "strict": True}]}, "tools.0.custom.input_schema: For 'object' type"),
        ({"output_config": {"format": {"type": "xml"}}}, "Input tag 'xml'"),
        ({"output_config": {"effort": "low"}}, "does not support the effort parameter"),
        ({"output_config": {"format": {"type": "json_schema", "schema": OPEN_SCHEMA}}}, "'additionalProperties' must be explicitly set to false"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice may only be specified while providing tools"),
        ({"tools": [tool("f")], "tool_choice": {"type": "required"}}, "Input tag 'required'"),
        ({"tools": [tool("f")], "tool_choice": {"type": "tool", "name": "g"}}, "Tool 'g' not found"),
        ({"tools": [tool("f")], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}}, "tool_choice.none.disable_parallel_tool_use: Extra inputs"),
        ({"tools": [tool("f"), tool("f")]}, "Tool names must be unique"),
        ({"tools": [tool("no spaces")]}, "tools.0.custom.name: String should match pattern"),
        ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tools": [tool("f", {"properties": {}})]}, "tools.0.custom.input_schema.type: Field required"),
        ({"tools": [tool("f", {"type": "object", "anyOf": [{}]})]}, "at the top level"),
        ({"tools": [tool("f", {"type": "object", "properties": {"a": 7}})]}, "JSON schema is invalid"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}, {**tool("g"), "parameters": {}}]}, "tools.1.custom.parameters: Extra inputs"),
        ({"system": "  "}, "system: text content blocks must contain non-whitespace text"),
        ({"system": [text("")]}, "system: text content blocks must be non-empty"),
        ({"system": [text("a", cache_control={"type": "ephemeral", "ttl": "2h"})]}, "Input should be '5m' or '1h'"),
        ({"system": [text("a", cache_control={"type": "ephemeral", "scope": "x"})]}, "system.0.text.cache_control.ephemeral.scope: Extra inputs"),
        ({"system": [text("a", cache_control=EPHEMERAL)] * 5}, "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}, "system": [text("a", cache_control=EPHEMERAL)]}, "must not come after"),
    ],
)  # fmt: skip
def test_parameters_are_checked(http: httpx.Client, more: dict[str, Any], complaint: str) -> None:
    assert complaint in _refused(http, message("claude-sonnet-4-5", **more))


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([], "at least one message is required"),
        ("hi", "messages: Input should be a valid list"),
        ([{"content": "hi"}], "messages.0.role: Field required"),
        ([{"role": "user"}], "messages.0.content: Field required"),
        ([{"role": "tool", "content": "x"}], 'Unexpected role "tool"'),
        ([{"role": "system", "content": "x"}, USER], "accepts a top-level `system` parameter"),
        ([{**USER, "name": "ada"}], "messages.0.name: Extra inputs are not permitted"),
        ([{"role": "user", "content": ""}], "user messages must have non-empty content"),
        ([{"role": "user", "content": []}], "user messages must have non-empty content"),
        ([{"role": "user", "content": [text(" ")]}], "must contain non-whitespace text"),
        ([{"role": "user", "content": [text(""), text("x")]}], "must be non-empty"),
        ([USER, {"role": "assistant", "content": [text(""), CALL]}, ANSWERED], "must be non-empty"),
        ([USER, {"role": "assistant", "content": [text(" ")]}], "must contain non-whitespace text"),
        ([USER, {"role": "assistant", "content": "so "}], "cannot end with trailing whitespace"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "Input tag 'image_url'"),
        ([{"role": "user", "content": [{"text": "x"}]}], "messages.0.content.0.type: Field required"),
        ([{"role": "user", "content": [text("x", index=0)]}], "messages.0.content.0.text.index: Extra inputs"),
        ([USER, {"role": "assistant", "content": [text("x")], "tool_calls": []}], "messages.1.tool_calls: Extra inputs"),
        ([USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}], "thinking.signature: Field required"),
        ([USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "y", "cache_control": EPHEMERAL}]}], "messages.1.content.0.thinking.cache_control: Extra inputs"),
        ([USER, CALLED], "`tool_use` ids were found without `tool_result` blocks immediately after: t1"),
        ([USER, CALLED, USER], "`tool_use` ids were found without"),
        ([{"role": "user", "content": [CALL]}], "only allowed in assistant messages"),
        ([USER, {"role": "assistant", "content": [RESULT]}], "only allowed in user messages"),
        ([{"role": "user", "content": [text("", cache_control=EPHEMERAL), text("x")]}], "cannot be set for empty text blocks"),
        ([USER, CALLED, {"role": "user", "content": [text("x"), RESULT]}], "`tool_use` ids were found without"),
        ([ANSWERED], "messages.0.content.0: unexpected `tool_use_id` found"),
        ([USER, CALLED, ANSWERED, ANSWERED, USER], "Found multiple `tool_result` blocks"),
        ([USER, {"role": "assistant", "content": [CALL, CALL]}, ANSWERED], "ids must be unique"),
        ([USER, {"role": "assistant", "content": [{**CALL, "id": "a b"}]}], "tool_use.id: String should match pattern"),
        ([USER, {"role": "assistant", "content": [{**CALL, "input": "{}"}]}], "tool_use.input: Input should be a valid dictionary"),
        ([USER, CALLED, {"role": "user", "content": [{**RESULT, "content": [text("x", cache_control=EPHEMERAL)]}]}], "may not be specified within `tool_result.content`"),
        ([{"role": "user", "content": [image("image/jpg", PIXELS)]}], "media_type: Input should be"),
        ([{"role": "user", "content": [image("image/jpeg", PIXELS)]}], "appears to be a image/png image"),
        ([{"role": "user", "content": [image("image/png", "***")]}], "Invalid base64 data"),
        ([{"role": "user", "content": [image("image/png", "QUJD")]}], "Could not process image"),
        ([{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://x/a"}}]}], "Only HTTPS"),
    ],
)  # fmt: skip
def test_messages_are_checked(http: httpx.Client, messages: Any, complaint: str) -> None:
    request = message("claude-sonnet-4-5") | {"messages": messages}
    assert complaint in _refused(http, request)


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [text("hi"), text(" ")]}],
        [USER, {"role": "assistant", "content": []}, USER],
        [USER, {"role": "assistant", "content": [text("\n\n"), CALL]}, ANSWERED],
        [USER, CALLED, {"role": "user", "content": [{**RESULT, "content": []}, text("and?")]}],
        [USER, CALLED, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]}],
        [USER, CALLED, ANSWERED, CALLED, ANSWERED],  # an id may be used again in a later turn
        [USER, {"role": "assistant", "content": "Well,"}],
        [{"role": "assistant", "content": "Welcome."}, USER],
        [USER, USER],
    ],
)
def test_what_the_vendor_takes_passes(http: httpx.Client, messages: Any) -> None:
    request = message("claude-sonnet-4-5") | {"messages": messages}
    assert http.post(ANTHROPIC, json=request).status_code == 200


def test_neighbours_of_one_role_are_joined_before_calls_are_paired(http: httpx.Client) -> None:
    other = {**CALL, "id": "t2"}
    results = [RESULT, {**RESULT, "tool_use_id": "t2"}]
    request = message("claude-sonnet-4-5") | {
        "messages": [
            USER,
            CALLED,
            {"role": "assistant", "content": [other]},
            *({"role": "user", "content": [result]} for result in results),
        ]
    }
    assert http.post(ANTHROPIC, json=request).status_code == 200


@pytest.mark.parametrize(
    ("model", "more", "complaint"),
    [
        ("claude-opus-4-8", {"temperature": 1}, "`temperature` is deprecated for this model."),
        ("claude-sonnet-5", {"top_k": 5}, "`top_k` is deprecated for this model."),
        ("claude-opus-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type.adaptive"),
        ("claude-3-5-haiku-latest", {"max_tokens": 8193}, "8193 > 8192"),
        ("claude-sonnet-4-0", {"output_config": {"format": {"type": "json_schema", "schema": {}}}}, "not supported on this model"),
    ],
)  # fmt: skip
def test_generations_differ(
    http: httpx.Client, model: str, more: dict[str, Any], complaint: str
) -> None:
    assert complaint in _refused(http, message(model, **{"max_tokens": 2000, **more}))


def test_newer_models_want_no_prefill_and_take_system_messages(http: httpx.Client) -> None:
    prefilled = message("claude-opus-4-8")
    prefilled["messages"].append({"role": "assistant", "content": "Well,"})
    assert "does not support assistant message prefill" in _refused(http, prefilled)
    told = message("claude-opus-4-8")
    told["messages"].append({"role": "system", "content": "Be brief."})
    assert http.post(ANTHROPIC, json=told).status_code == 200


def test_the_second_version_has_no_sampling_parameters(http: httpx.Client) -> None:
    request = message("claude-sonnet-4-5", temperature=0.5)
    assert http.post(ANTHROPIC, json=request).status_code == 200
    complaint = _refused(http, request, **{"anthropic-version": "2026-10-21"})
    assert complaint == "temperature: Extra inputs are not permitted"


def test_forced_tools_and_manual_thinking_exclude_each_other(http: httpx.Client) -> None:
    request = message(
        "claude-sonnet-4-5",
        max_tokens=2000,
        tools=[tool("f")],
        tool_choice={"type": "any"},
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    assert "Thinking may not be enabled" in _refused(http, request)


@pytest.mark.parametrize("missing", ["model", "messages", "max_tokens"])
def test_what_is_required_is_demanded(http: httpx.Client, missing: str) -> None:
    request = message("claude-sonnet-4-5")
    del request[missing]
    assert _refused(http, request) == f"{missing}: Field required"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"not json", 400), (b"[1]", 400), (b"x" * (32 * 1024 * 1024 + 1), 413)],
)
def test_garbage_gets_the_vendors_error(http: httpx.Client, body: bytes, status: int) -> None:
    reply = http.post(ANTHROPIC, content=body)
    assert reply.status_code == status
    assert set(reply.json()) == {"type", "error", "request_id"}


def test_unknown_paths_get_the_vendors_error(http: httpx.Client) -> None:
    for method, path in (("POST", "/anthropic/v1/complete"), ("GET", ANTHROPIC)):
        reply = http.request(method, path)
        assert reply.status_code == 404
        assert reply.json()["error"]["type"] == "not_found_error"
