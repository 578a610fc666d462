"""Scenes in Anthropic's format, over raw HTTP."""

import base64
import json
import re
from typing import Any

import httpx
import pytest

from gateway.sandbox.acts import THOUGHT
from gateway.sandbox.tokens import count_tokens, split_words
from tests.sandbox.talking import (
    ANTHROPIC,
    PNG,
    chat,
    message,
    message_text,
    read_sse,
    tool,
)

ECHO_TOKENS = sum(count_tokens(word) for word in ("Echo:", " hello", " there"))
THOUGHT_TOKENS = sum(count_tokens(word) for word in split_words(THOUGHT))


def test_an_echo_repeats_the_user_and_counts_its_tokens(http: httpx.Client) -> None:
    reply = http.post(ANTHROPIC, json=message("claude-sonnet-4-5", system="Be kind.")).json()
    assert reply["content"] == [
        {"type": "text", "text": "Echo: hello there\n[system: 1 texts, 8 bytes]"}
    ]
    assert reply["model"] == "claude-sonnet-4-5-20250929"
    assert reply["stop_reason"] == "end_turn"
    usage = reply["usage"]
    expected = count_tokens("system: Be kind.") + count_tokens("user: hello there")
    assert usage["input_tokens"] == expected
    assert usage["cache_read_input_tokens"] == usage["cache_creation_input_tokens"] == 0


def test_a_reply_has_the_ids_and_headers_of_the_vendor(http: httpx.Client) -> None:
    reply = http.post(ANTHROPIC, json=message("sandbox-echo"))
    assert re.fullmatch(r"msg_01\w{22}", reply.json()["id"])
    assert re.fullmatch(r"req_011C\w{20}", reply.headers["request-id"])
    assert reply.headers["anthropic-ratelimit-requests-remaining"] == "3999"
    reset = reply.headers["anthropic-ratelimit-tokens-reset"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", reset)


def test_events_come_as_anthropic_sends_them(http: httpx.Client) -> None:
    reply = http.post(ANTHROPIC, json=message("sandbox-echo", stream=True))
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = read_sse(reply.text)
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(data["type"] == name for name, data in events)
    opened = events[0][1]["message"]
    assert opened["content"] == []
    assert opened["stop_reason"] is None
    assert opened["usage"]["input_tokens"] == count_tokens("user: hello there")
    assert message_text(events) == "Echo: hello there"
    assert events[-2][1]["delta"]["stop_reason"] == "end_turn"
    assert events[-2][1]["usage"]["output_tokens"] == ECHO_TOKENS
    assert re.search(r'"text":" hello"\} +\}\n', reply.text), "the data is padded with spaces"


def test_a_bearer_key_will_do(http: httpx.Client, key: str) -> None:
    del http.headers["authorization"]
    reply = http.post(ANTHROPIC, json=message("sandbox-echo"), headers={"x-api-key": key})
    assert reply.status_code == 200


def test_a_tool_is_called_and_its_result_used(http: httpx.Client) -> None:
    tools = [tool("get_weather"), tool("other")]
    first = http.post(ANTHROPIC, json=message("sandbox-tool", tools=tools)).json()
    assert first["stop_reason"] == "tool_use"
    call = first["content"][0]
    assert (call["name"], call["input"]) == ("get_weather", {"city": "some city", "days": 1})
    assert re.fullmatch(r"toolu_01\w{22}", call["id"])
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"}
    request = message("sandbox-tool", tools=tools)
    request["messages"] += [
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [result]},
    ]
    last = http.post(ANTHROPIC, json=request).json()
    assert last["content"][0]["text"] == "The tool get_weather said: sunny"


def _assemble(events: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for name, data in events:
        if name == "content_block_start":
            assert data["index"] == len(blocks)
            blocks.append(data["content_block"])
        if name == "content_block_delta":
            delta = dict(data["delta"])
            kind = delta.pop("type")
            if kind == "input_json_delta":
                inputs[data["index"]] = inputs.get(data["index"], "") + delta["partial_json"]
            else:
                member = kind.removesuffix("_delta")
                blocks[data["index"]][member] += delta[member]
    for index, text in inputs.items():
        blocks[index]["input"] = json.loads(text or "{}")
    return blocks


@pytest.mark.parametrize(
    "model",
    [
        "sandbox-parallel-tools",
        "sandbox-reasoning-tool",
        "sandbox-reasoning-redacted",
        "sandbox-tool",
    ],
)
def test_streamed_blocks_assemble_to_whole_ones(http: httpx.Client, model: str) -> None:
    tools = [tool("one"), tool("two", {"type": "object", "properties": {}})]
    request = message(model, tools=tools)
    whole = http.post(ANTHROPIC, json=request).json()
    events = read_sse(http.post(ANTHROPIC, json={**request, "stream": True}).text)
    assembled = _assemble(events)
    for block in (*assembled, *whole["content"]):
        block.pop("id", None)
    assert assembled == whole["content"]
    assert events[-2][1]["delta"]["stop_reason"] == whole["stop_reason"]
    assert events[-2][1]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def test_a_call_that_its_limit_cuts_short_is_no_whole_call(http: httpx.Client) -> None:
    request = message("sandbox-tool", tools=[tool("get_weather")], max_tokens=5)
    whole = http.post(ANTHROPIC, json=request).json()
    assert whole["stop_reason"] == "max_tokens"
    assert whole["content"][0]["input"] == {}
    events = read_sse(http.post(ANTHROPIC, json={**request, "stream": True}).text)
    pieces = [d["delta"]["partial_json"] for name, d in events if name == "content_block_delta"]
    assert "".join(pieces) == '{"city":'


def test_a_call_without_arguments_streams_only_an_empty_piece(http: httpx.Client) -> None:
    tools = [tool("now", {"type": "object", "properties": {}})]
    request = message("sandbox-tool", tools=tools, stream=True)
    events = read_sse(http.post(ANTHROPIC, json=request).text)
    pieces = [d["delta"]["partial_json"] for name, d in events if name == "content_block_delta"]
    assert pieces == [""]


def test_thinking_is_signed_and_counted(http: httpx.Client) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    request = message("sandbox-reasoning", max_tokens=2000, thinking=thinking)
    reply = http.post(ANTHROPIC, json=request).json()
    assert [block["type"] for block in reply["content"]] == ["thinking", "text"]
    assert reply["content"][0]["thinking"] == THOUGHT
    assert reply["usage"]["output_tokens"] == THOUGHT_TOKENS + ECHO_TOKENS
    assert reply["usage"]["output_tokens_details"] == {"thinking_tokens": THOUGHT_TOKENS}
    off = message("sandbox-reasoning", thinking={"type": "disabled"})
    assert len(http.post(ANTHROPIC, json=off).json()["content"]) == 1


def test_thinking_can_be_kept_from_view(http: httpx.Client) -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    request = message("sandbox-reasoning", thinking=thinking)
    whole = http.post(ANTHROPIC, json=request).json()
    assert whole["content"][0]["thinking"] == ""
    assert whole["content"][0]["signature"]
    assert whole["usage"]["output_tokens"] == THOUGHT_TOKENS + ECHO_TOKENS
    streamed = read_sse(http.post(ANTHROPIC, json={**request, "stream": True}).text)
    kinds = [d["delta"]["type"] for name, d in streamed if name == "content_block_delta"]
    assert kinds == ["signature_delta", *["text_delta"] * 3]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({}, None),
        ({"signature": "bm90IG91cnM="}, "Invalid `signature` in `thinking` block"),
        ({"thinking": "other thoughts"}, "Invalid `signature` in `thinking` block"),
        ({"signature": None}, "messages.1.content.0.thinking.signature"),
    ],
)
def test_a_signature_is_checked_when_the_block_is_replayed(
    http: httpx.Client, change: dict[str, Any], refusal: str | None
) -> None:
    content = http.post(ANTHROPIC, json=message("sandbox-reasoning")).json()["content"]
    content[0] |= change
    request = message("sandbox-reasoning")
    request["messages"] += [
        {"role": "assistant", "content": content},
        {"role": "user", "content": "and now?"},
    ]
    reply = http.post(ANTHROPIC, json=request)
    if refusal is None:
        assert reply.status_code == 200
    else:
        assert reply.status_code == 400
        assert refusal in reply.json()["error"]["message"]


def test_a_tool_turn_must_be_replayed_with_its_thinking(http: httpx.Client) -> None:
    request = message(
        "sandbox-reasoning-tool",
        max_tokens=2000,
        tools=[tool("one")],
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    content = http.post(ANTHROPIC, json=request).json()["content"]
    assert [block["type"] for block in content] == ["thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": content[1]["id"], "content": "done"}
    turn = {"role": "user", "content": [result]}
    asked = request["messages"]
    request["messages"] = [*asked, {"role": "assistant", "content": content}, turn]
    assert http.post(ANTHROPIC, json=request).status_code == 200
    request["messages"] = [*asked, {"role": "assistant", "content": content[1:]}, turn]
    refused = http.post(ANTHROPIC, json=request)
    assert refused.status_code == 400
    assert "found `tool_use`" in refused.json()["error"]["message"]
    request["thinking"] = {"type": "adaptive"}
    assert http.post(ANTHROPIC, json=request).status_code == 200


def test_a_refusal_is_a_stop_reason(http: httpx.Client) -> None:
    reply = http.post(ANTHROPIC, json=message("sandbox-refusal")).json()
    assert (reply["stop_reason"], reply["content"]) == ("refusal", [])
    details = {
        "type": "refusal",
        "category": None,
        "explanation": "I cannot help with that request.",
    }
    assert reply["stop_details"] == details
    events = read_sse(http.post(ANTHROPIC, json=message("sandbox-refusal", stream=True)).text)
    assert events[-2][1]["delta"]["stop_details"] == details


def test_a_filter_refuses_a_whole_reply_and_breaks_a_stream(http: httpx.Client) -> None:
    whole = http.post(ANTHROPIC, json=message("sandbox-content-filter"))
    assert whole.status_code == 400
    assert "content filtering" in whole.json()["error"]["message"]
    request = message("sandbox-content-filter", stream=True)
    events = read_sse(http.post(ANTHROPIC, json=request).text)
    assert message_text(events) == "This answer was going to"
    assert events[-1][0] == "error"
    assert "message_stop" not in [name for name, _ in events]


def test_an_answer_obeys_its_schema(http: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {
            "mood": {"enum": ["calm", "tense"]},
            "notes": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["mood", "notes"],
        "additionalProperties": False,
    }
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    for model in ("sandbox-json", "claude-haiku-4-5"):
        reply = http.post(ANTHROPIC, json=message(model, output_config=wanted)).json()
        assert reply["content"][0]["text"] == '{"mood":"calm","notes":["some notes"]}'


def test_pictures_and_documents_are_described(http: httpx.Client) -> None:
    data = base64.b64encode(PNG).decode()
    pdf = base64.b64encode(b"%PDF-1.4 tiny").decode()
    request = message("sandbox-vision")
    request["messages"][0]["content"] = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": pdf},
        },
        {"type": "text", "text": "What is this?"},
    ]
    text = http.post(ANTHROPIC, json=request).json()["content"][0]["text"]
    assert text.splitlines() == [
        f"1. image image/png, 3x2 pixels, {len(PNG)} bytes",
        "2. image of unknown type at https://example.com/a.png",
        "3. document application/pdf, 13 bytes",
    ]


def test_limits_and_stop_sequences_are_told_apart(http: httpx.Client) -> None:
    capped = http.post(ANTHROPIC, json=message("sandbox-long", max_tokens=3)).json()
    assert (capped["stop_reason"], capped["content"][0]["text"]) == ("max_tokens", "1 2 3")
    stopped = http.post(ANTHROPIC, json=message("sandbox-long", stop_sequences=[" 7"])).json()
    assert stopped["content"][0]["text"] == "1 2 3 4 5 6"
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", " 7")
    warmed = http.post(ANTHROPIC, json=message("sandbox-echo", max_tokens=0)).json()
    assert (warmed["content"], warmed["usage"]["output_tokens"]) == ([], 0)


@pytest.mark.parametrize(
    ("model", "status", "kind"),
    [
        ("sandbox-400", 400, "invalid_request_error"),
        ("sandbox-context-length", 400, "invalid_request_error"),
        ("sandbox-prompt-filter", 400, "invalid_request_error"),
        ("sandbox-401", 401, "authentication_error"),
        ("sandbox-billing", 402, "billing_error"),
        ("sandbox-403", 403, "permission_error"),
        ("sandbox-404", 404, "not_found_error"),
        ("missing-model", 404, "not_found_error"),
        ("sandbox-no-such-scene", 404, "not_found_error"),
        ("sandbox-408", 408, "timeout_error"),
        ("sandbox-409", 409, "conflict_error"),
        ("sandbox-413", 413, "request_too_large"),
        ("sandbox-429", 429, "rate_limit_error"),
        ("sandbox-quota", 429, "rate_limit_error"),
        ("sandbox-500", 500, "api_error"),
        ("sandbox-502", 502, "api_error"),
        ("sandbox-503", 503, "api_error"),
        ("sandbox-504", 504, "timeout_error"),
        ("sandbox-529", 529, "overloaded_error"),
        ("sandbox-overloaded", 529, "overloaded_error"),
    ],
)
def test_failures_come_in_the_vendors_shape(
    http: httpx.Client, model: str, status: int, kind: str
) -> None:
    reply = http.post(ANTHROPIC, json=message(model, stream=True))
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, kind)
    assert reply.json()["type"] == "error"
    assert reply.json()["request_id"] == reply.headers["request-id"]


def test_waits_and_spend_limits_are_told_apart(http: httpx.Client) -> None:
    limited = http.post(ANTHROPIC, json=message("sandbox-429-3"))
    assert limited.headers["retry-after"] == "3"
    assert limited.headers["x-should-retry"] == "true"
    spent = http.post(ANTHROPIC, json=message("sandbox-quota"))
    assert spent.headers["x-should-retry"] == "false"
    assert spent.json()["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "bad key"}, 401),
        ({"authorization": "Bearer bad"}, 401),
        ({"x-api-key": "good", "anthropic-version": ""}, 400),
        ({"x-api-key": "good", "anthropic-version": "2024-01-01"}, 400),
        ({"x-api-key": "good", "anthropic-version": "2026-10-21"}, 200),
    ],
)
def test_key_and_version_are_demanded(
    http: httpx.Client, headers: dict[str, str], status: int
) -> None:
    del http.headers["authorization"]
    assert http.post(ANTHROPIC, json=message("sandbox-echo"), headers=headers).status_code == status


def test_tokens_can_be_counted_without_an_answer(http: httpx.Client) -> None:
    request = chat("claude-sonnet-4-5")
    counted = http.post(f"{ANTHROPIC}/count_tokens", json=request).json()
    assert counted == {"input_tokens": count_tokens("user: hello there")}
    refused = http.post(f"{ANTHROPIC}/count_tokens", json=message("claude-sonnet-4-5"))
    assert refused.status_code == 400


def test_models_are_listed_page_by_page(http: httpx.Client) -> None:
    names: list[str] = []
    page: dict[str, Any] = {"has_more": True, "last_id": None}
    while page["has_more"]:
        after = {"after_id": page["last_id"]} if page["last_id"] else {}
        page = http.get("/anthropic/v1/models", params={"limit": 7, **after}).json()
        names += [one["id"] for one in page["data"]]
    assert len(names) == len(set(names)) > 20
    back = http.get("/anthropic/v1/models", params={"limit": 3, "before_id": names[5]}).json()
    assert ([one["id"] for one in back["data"]], back["has_more"]) == (names[2:5], True)
    assert {"sandbox-echo", "claude-sonnet-4-5-20250929"} <= set(names)
    one = http.get("/anthropic/v1/models/claude-opus-4-1").json()
    assert (one["type"], one["max_tokens"]) == ("model", 32_000)
    assert http.get("/anthropic/v1/models/missing-model").status_code == 404
