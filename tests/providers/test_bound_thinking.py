"""Thinking that is bound to all that came before it: what is sent when the context has changed.

The user's context stands in front of every conversation, and changes at midnight and with every
record, also while a tool runs. Models of the newest generation refuse a request whose replayed
thinking was made behind another beginning, unless the request lets them drop it.
"""

from typing import Any

import orjson
import pytest

from gateway.context.inject import inject
from gateway.providers.anthropic.changes import FORGOTTEN
from gateway.providers.anthropic.generations import generation_of
from gateway.providers.registry import PROVIDERS
from gateway.sandbox.formats.registry import FORMATS
from gateway.types.models import ModelInfo
from gateway.types.upstream import UpstreamRequest
from gateway.wire.chat_read import read_chat
from tests.context.upstream_bodies import built, complaint, make_target, targets

BOUND = (
    "claude-fable-5-1", "claude-mythos-5-2", "claude-opus-5-5", "claude-sonnet-5-5",
    "claude-haiku-5-5",
)  # fmt: skip
WAYS = ("anthropic", "vertex", "bedrock")
WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"reasoning_effort": "none"},
    {"reasoning_effort": "low"},
    {"reasoning": {"enabled": False}},
    {"thinking": {"type": "adaptive"}},
    {"thinking": {"type": "disabled"}},
    {"thinking": {"type": "between_tools"}},
    {"thinking": {"type": "adaptive", "block_binding": {}}},
)
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
LOOP: list[dict[str, Any]] = [
    {"role": "user", "content": "How was my week?"},
    {
        "role": "assistant",
        "content": "I will look.",
        "tool_calls": [CALL],
        "reasoning_details": [
            {"type": "thinking", "text": "THOUGHT", "signature": "s1", "format": "anthropic"},
            {"type": "redacted", "data": "czI=", "format": "anthropic"},
        ],
    },
    {"role": "tool", "tool_call_id": "toolu_1", "content": "seven entries"},
]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def send(way: str, model: str, wish: dict[str, Any], block: str = "TUESDAY") -> UpstreamRequest:
    name = f"us.anthropic.{model}" if way == "bedrock" else model
    target = make_target(way, name)
    chat = read_chat({"messages": LOOP, "tools": [TOOL], **wish})
    return built(inject(chat, block, PROVIDERS[way].placement(target)), target)


def thinking_of(sent: UpstreamRequest) -> dict[str, Any]:
    body = orjson.loads(sent.body)
    found: dict[str, Any] = body.get("additionalModelRequestFields", body).get("thinking") or {}
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", BOUND)
@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_no_change_in_front_of_a_tool_loop_makes_it_a_refused_request(
    way: str, model: str, wish: dict[str, Any]
) -> None:
    """Either the model may drop the thinking, or none is sent, or the client's word holds."""
    sent = send(way, model, wish)
    thinking = thinking_of(sent)

    binding = thinking.get("block_binding")
    if wish == {"thinking": {"type": "adaptive", "block_binding": {}}}:
        assert binding == {}
    elif thinking.get("type") in ("disabled", "between_tools"):
        assert binding is None
        assert b"THOUGHT" not in sent.body
        assert b"redacted" not in sent.body
        assert FORGOTTEN in sent.warnings
    else:
        assert binding == {"prefix_mismatch_behavior": "drop_block"}
        assert b"THOUGHT" in sent.body
        assert FORGOTTEN not in sent.warnings
    assert b"I will look." in sent.body
    assert b"toolu_1" in sent.body
    assert b"seven entries" in sent.body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", ["claude-opus-5", "claude-haiku-4-5", "claude-sonnet-4-6"])
@pytest.mark.parametrize("wish", [{}, {"thinking": {"type": "disabled"}}], ids=str)
def test_models_that_bind_nothing_get_the_thinking_as_it_is(
    way: str, model: str, wish: dict[str, Any]
) -> None:
    sent = send(way, model, wish)

    assert b"THOUGHT" in sent.body
    assert "block_binding" not in thinking_of(sent)


@pytest.mark.parametrize("way", ["anthropic", "bedrock"])
def test_thinking_is_left_out_of_a_reply_given_back_whole_too(way: str) -> None:
    blocks: dict[str, list[dict[str, Any]]] = {
        "anthropic": [
            {"type": "text", "text": "a"},
            {"type": "thinking", "thinking": "THOUGHT", "signature": "s"},
            {"type": "text", "text": "b"},
        ],
        "bedrock": [
            {"text": "a"},
            {"reasoningContent": {"reasoningText": {"text": "THOUGHT", "signature": "s"}}},
            {"text": "b"},
        ],
    }
    model = "us.anthropic.claude-haiku-5-5" if way == "bedrock" else "claude-haiku-5-5"
    answer = {
        "role": "assistant",
        "content": "ab",
        "provider_content": {"format": way, "model": model, "content": blocks[way]},
    }
    hi = {"role": "user", "content": "hi"}
    bodies = [
        built(read_chat({"messages": [hi, answer, hi], **wish}), make_target(way, model)).body
        for wish in ({}, {"thinking": {"type": "disabled"}})
    ]

    assert [b"THOUGHT" in body for body in bodies] == [True, False]
    [_, turn, _] = orjson.loads(bodies[1])["messages"]
    assert [block["text"] for block in turn["content"]] == ["a", "b"]


def test_an_answer_of_thinking_alone_leaves_no_empty_turn() -> None:
    thought = LOOP[1]["reasoning_details"]
    messages = [LOOP[0], {"role": "assistant", "reasoning_details": thought}, LOOP[0]]
    chat = read_chat({"messages": messages, "thinking": {"type": "disabled"}})

    body = orjson.loads(built(chat, make_target("anthropic", "claude-haiku-5-5")).body)

    assert [turn["role"] for turn in body["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("model", "bound"),
    [(model, True) for model in BOUND]
    + [("claude-fable-5", False), ("claude-mythos-5", False), ("claude-mythos-preview", False)],
)
def test_which_models_bind(model: str, bound: bool) -> None:
    row = generation_of(model, ModelInfo("anthropic", model, known=False))

    assert row.bound_thinking is bound


@pytest.mark.parametrize("target", targets(), ids=lambda t: f"{t.type}-{t.model}")
def test_a_block_that_changes_within_a_tool_loop_changes_nothing_else(target: Any) -> None:
    """Nobody but Anthropic's newest binds anything to the beginning of a conversation."""
    call = {**CALL, "id": "calltoolx"}
    loop = [LOOP[0], {**LOOP[1], "tool_calls": [call]}, {**LOOP[2], "tool_call_id": "calltoolx"}]
    chat = read_chat({"messages": loop, "tools": [TOOL]})
    placement = PROVIDERS[target.type].placement(target)
    monday, tuesday = (
        built(inject(chat, block, placement), target) for block in ("<MONDAY>", "<TUESDAY>")
    )

    assert monday.body.replace(b"<MONDAY>", b"<TUESDAY>") == tuesday.body
    assert monday.headers == tuesday.headers
    if target.type in FORMATS:
        assert complaint(tuesday, target) == complaint(monday, target)
