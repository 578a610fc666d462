"""Bedrock: what holds for every request and every reply, tried with made-up ones."""

import itertools
import json
import re
from typing import Any

from hypothesis import given, settings, strategies as st

from gateway.errors import InvalidRequest
from gateway.providers.bedrock.names import wire_id, wire_name
from tests.providers.bedrock_scene import (
    CLAUDE,
    CLAUDE_3,
    GPT_OSS,
    LLAMA,
    NOVA,
    START,
    TITAN,
    UNKNOWN,
    closed,
    completion,
    delta,
    events,
    metadata,
    native,
    opened,
    parsed,
    stopped,
    turns,
    whole,
)

MARK = {"type": "ephemeral", "ttl": "1h"}
MODELS = st.sampled_from([CLAUDE, CLAUDE_3, NOVA, LLAMA, TITAN, GPT_OSS, UNKNOWN])
WORDS = st.sampled_from(["", " ", "\n", "a", "\u00e9 b", "\U0001f600"])
IDS = st.sampled_from(["a", "b", "c.d:0", "\u00e9", "a b"])
NAMES = st.sampled_from(["f", "g.h", "f_x", "f.x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=4), JSON, max_size=3)
PARTS = st.builds(
    lambda text, mark: {"type": "text", "text": text} | ({"cache_control": mark} if mark else {}),
    WORDS,
    st.sampled_from([None, MARK, {"type": "ephemeral"}]),
)
FILES = st.just({"type": "file", "file": {"file_data": "data:,x", "filename": "a.txt"}})
CONTENT = WORDS | st.lists(PARTS, max_size=3)
CALLS = st.builds(
    lambda id_, name, arguments: {
        "id": id_,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    },
    IDS,
    NAMES,
    OBJECTS,
)
THOUGHTS = st.lists(
    st.sampled_from(
        [
            {"type": "thinking", "text": "t", "signature": "s", "format": "bedrock"},
            {"type": "redacted", "data": "ZA==", "format": "anthropic"},
            {"type": "thinking", "text": "t", "format": "bedrock"},
        ]
    ),
    max_size=2,
)
MESSAGES = st.one_of(
    st.builds(lambda c: {"role": "system", "content": c}, CONTENT),
    st.builds(
        lambda c: {"role": "user", "content": c}, CONTENT | st.lists(PARTS | FILES, max_size=3)
    ),
    st.builds(
        lambda c, t: {"role": "assistant", "content": c, "reasoning_details": t}, CONTENT, THOUGHTS
    ),
    st.builds(
        lambda c, calls: {"role": "assistant", "content": c, "tool_calls": calls},
        CONTENT,
        st.lists(CALLS, min_size=1, max_size=3),
    ),
    st.builds(
        lambda id_, c: {"role": "tool", "tool_call_id": id_, "content": c},
        IDS,
        WORDS | st.lists(PARTS | FILES, max_size=2),
    ),
)


@given(st.lists(MESSAGES, min_size=1, max_size=8), MODELS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_conversation_is_either_refused_or_legal(
    messages: list[dict[str, Any]], model: str, with_tools: bool
) -> None:
    tool = {"type": "function", "function": {"name": "f"}, "cache_control": MARK}
    refused_at = None
    try:
        body = native({"messages": messages, **({"tools": [tool]} if with_tools else {})}, model)
    except InvalidRequest as refusal:
        body, refused_at = {"messages": []}, refusal.param
    assert (refused_at or "messages").startswith("messages")
    assert bool(body["messages"]) != bool(refused_at)

    tools = body.get("toolConfig", {}).get("tools", [])
    blocks = [b for turn in body["messages"] for b in turn["content"]]
    if body["messages"]:
        _check_turns(body["messages"])
        uses_tools = any("toolUse" in block or "toolResult" in block for block in blocks)
        assert bool(tools) == (uses_tools or with_tools)
    marked = [b for b in (*tools, *body.get("system", ()), *blocks) if "cachePoint" in b]
    assert len(marked) <= (4 if model in (CLAUDE, NOVA) else 0)
    lives = [block["cachePoint"].get("ttl") for block in marked]
    assert lives == sorted(lives, key=lambda life: life != "1h")
    assert all(block["text"].strip() for block in body.get("system", ()) if "text" in block)
    names = [block["document"]["name"] for block in blocks if "document" in block]
    assert len(set(names)) == len(names)


def _check_turns(found: list[dict[str, Any]]) -> None:
    roles = [turn["role"] for turn in found]
    assert all(one != other for one, other in itertools.pairwise(roles))
    expected: list[str] = []
    for turn in found:
        content = [block for block in turn["content"] if "cachePoint" not in block]
        assert content
        assert "cachePoint" not in turn["content"][0]
        answered = [b["toolResult"]["toolUseId"] for b in content if "toolResult" in b]
        if turn["role"] == "user":
            assert sorted(answered) == sorted(expected)
            assert all("toolResult" in block for block in content[: len(answered)])
            assert all(b["toolResult"]["content"] for b in content[: len(answered)])
            if any("document" in block for block in content):
                assert any("text" in block for block in content)
        else:
            assert not answered
            assert any("reasoningContent" not in block for block in content)
        uses = [block["toolUse"] for block in content if "toolUse" in block]
        expected = [use["toolUseId"] for use in uses]
        assert len(set(expected)) == len(expected)
        assert turn["role"] == "assistant" or not expected
        assert all(re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", use_id) for use_id in expected)
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", use["name"]) for use in uses)
        _check_text(turn["content"])
    assert not expected
    last = found[-1]["content"][-1]
    assert roles[-1] == "user" or last.get("text", "") == last.get("text", "").rstrip()


def _check_text(content: list[dict[str, Any]]) -> None:
    """Blank text stands only between a document and a cache point, where it was recorded."""
    for place, block in enumerate(content):
        if "text" in block and not block["text"].strip():
            assert "document" in content[place - 1]
            assert "cachePoint" in content[place + 1]


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
@settings(max_examples=200, deadline=None)
def test_ids_and_names_are_legal_and_tell_apart_what_differs(one: str, other: str) -> None:
    for made, alphabet in (
        (wire_id, r"[a-zA-Z0-9_.:-]{1,64}"),
        (wire_name, r"[a-zA-Z0-9_-]{1,64}"),
    ):
        assert re.fullmatch(alphabet, made(one))
        assert made(made(one)) == made(one)
        assert (made(one) == made(other)) == (one == other)


BLOCKS = st.one_of(
    st.builds(lambda t: {"text": t}, st.text(max_size=6)),
    st.builds(
        lambda t, s: {"reasoningContent": {"reasoningText": {"text": t, "signature": s}}},
        st.text(min_size=1, max_size=6),
        st.sampled_from(["s1", "s2"]),
    ),
    st.builds(
        lambda i, n, a: {"toolUse": {"toolUseId": i, "name": n, "input": a}},
        st.sampled_from(["t1", "t2", "t3"]),
        st.sampled_from(["f", "g"]),
        OBJECTS,
    ),
    st.builds(
        lambda t: {
            "citationsContent": {
                "content": [{"text": t}],
                "citations": [{"location": {"web": {"url": "https://x.test"}}}],
            }
        },
        st.text(min_size=1, max_size=6),
    ),
)
STOPS = st.sampled_from(["end_turn", "tool_use", "max_tokens", "stop_sequence"])


def _frames(blocks: list[dict[str, Any]], stop: str) -> bytes:
    """Write a reply's blocks as a stream that says the same, text in two pieces."""
    data = START
    for index, block in enumerate(blocks):
        [(kind, value)] = block.items()
        if kind == "text":
            data += delta(index, text=value[:2]) + delta(index, text=value[2:])
        elif kind == "reasoningContent":
            thought = value["reasoningText"]
            data += delta(index, reasoningContent={"text": thought["text"]})
            data += delta(index, reasoningContent={"signature": thought["signature"]})
        elif kind == "toolUse":
            text = json.dumps(value["input"])
            data += opened(index, toolUse={k: value[k] for k in ("toolUseId", "name")})
            data += delta(index, toolUse={"input": text[:3]})
            data += delta(index, toolUse={"input": text[3:]})
        else:
            data += delta(index, citation=value["citations"][0])
            data += delta(index, text=value["content"][0]["text"])
        data += closed(index)
    return data + stopped(stop) + metadata()


def _comparable(body: dict[str, Any]) -> dict[str, Any]:
    """Parse arguments: a stream carries the model's own white space."""
    for call in body["choices"][0]["message"].get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return body


@given(st.lists(BLOCKS, max_size=5), STOPS)
@settings(max_examples=150, deadline=None)
def test_a_stream_and_one_piece_say_the_same(blocks: list[dict[str, Any]], stop: str) -> None:
    streamed = completion(_frames(blocks, stop))
    at_once = completion(whole(*blocks, stop=stop))

    assert _comparable(streamed) == _comparable(at_once)


@given(st.lists(BLOCKS, max_size=4), STOPS, st.lists(st.integers(1, 60), max_size=30))
@settings(max_examples=100, deadline=None)
def test_streams_are_read_alike_however_they_are_cut(
    blocks: list[dict[str, Any]], stop: str, cuts: list[int]
) -> None:
    data = _frames(blocks, stop)
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]

    assert parsed([*pieces, rest]) == events(data)


@given(st.lists(BLOCKS, min_size=1, max_size=5, unique_by=lambda b: json.dumps(b.get("toolUse"))))
@settings(max_examples=100, deadline=None)
def test_a_reply_goes_back_as_it_came(blocks: list[dict[str, Any]]) -> None:
    ids = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
    if len(set(ids)) < len(ids):
        return
    answer = completion(whole(*blocks))["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": id_, "content": "ok"} for id_ in ids]
    hi = {"role": "user", "content": "hi"}
    found = turns(hi, answer, *results, hi)

    said = [block for block in blocks if block.get("text", "x").strip()]
    if any("reasoningContent" not in block for block in said):
        went = [turn["content"] for turn in found if turn["role"] == "assistant"]
        assert went == [said if _is_out_of_order(said) else _as_a_chat_message(blocks)]


def _is_out_of_order(blocks: list[dict[str, Any]]) -> bool:
    places = {"reasoningContent": 0, "text": 1, "toolUse": 2}
    order = [places.get(next(iter(block)), -1) for block in blocks]
    return -1 in order or order != sorted(order)


def _as_a_chat_message(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A chat message holds thoughts, one text, and calls."""
    text = "".join(block.get("text", "") for block in blocks)
    return [
        *(block for block in blocks if "reasoningContent" in block),
        *([{"text": text}] if text.strip() else []),
        *(block for block in blocks if "toolUse" in block),
    ]
