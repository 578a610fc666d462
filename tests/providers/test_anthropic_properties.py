"""Anthropic: what holds for every request and every reply, tried with made-up ones."""

import itertools
import json
from typing import Any

import orjson
from hypothesis import given, settings, strategies as st

from gateway.errors import InvalidRequest, UpstreamError
from gateway.providers.anthropic.schema import close_schema, input_schema
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.providers.anthropic_scene import (
    HI,
    PROVIDER,
    closed,
    completion,
    delta,
    ended,
    events,
    native,
    opened,
    sse,
    start,
    target,
    turns,
    whole,
)

MARK = {"type": "ephemeral"}
WORDS = st.sampled_from(["", " ", "\n", "a", "é b", "😀"])
IDS = st.sampled_from(["a", "b", "c.d", "é"])
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
    lambda text, marked: (
        {"type": "text", "text": text} | ({"cache_control": MARK} if marked else {})
    ),
    WORDS,
    st.booleans(),
)
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
MESSAGES = st.one_of(
    st.builds(lambda c: {"role": "system", "content": c}, CONTENT),
    st.builds(lambda c: {"role": "user", "content": c}, CONTENT),
    st.builds(lambda c: {"role": "assistant", "content": c}, CONTENT),
    st.builds(
        lambda c, calls: {"role": "assistant", "content": c, "tool_calls": calls},
        CONTENT,
        st.lists(CALLS, min_size=1, max_size=3),
    ),
    st.builds(lambda id_, c: {"role": "tool", "tool_call_id": id_, "content": c}, IDS, CONTENT),
)


@given(st.lists(MESSAGES, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_every_conversation_is_either_refused_or_legal(messages: list[dict[str, Any]]) -> None:
    refused_at = None
    try:
        body = native({"messages": messages})
    except InvalidRequest as refusal:
        body, refused_at = {"messages": []}, refusal.param
    assert (refused_at or "messages").startswith("messages")
    assert bool(body["messages"]) != bool(refused_at)

    if body["messages"]:
        _check_turns(body["messages"])
    blocks = [*body.get("system", ()), *(b for m in body["messages"] for b in m["content"])]
    assert sum("cache_control" in block for block in blocks) <= 4
    assert all(block["text"] for block in blocks if block["type"] == "text")
    assert all(block["text"].strip() for block in body.get("system", ()))


def _check_turns(found: list[dict[str, Any]]) -> None:
    roles = [turn["role"] for turn in found]
    assert all(one != other for one, other in itertools.pairwise(roles))
    expected: list[str] = []
    for turn in found:
        kinds = [block["type"] for block in turn["content"]]
        assert kinds
        if turn["role"] == "user":
            answered = [b["tool_use_id"] for b in turn["content"] if b["type"] == "tool_result"]
            assert sorted(answered) == sorted(expected)
            assert kinds[: len(answered)] == ["tool_result"] * len(answered)
        expected = [b["id"] for b in turn["content"] if b["type"] == "tool_use"]
        assert len(set(expected)) == len(expected)
        assert turn["role"] == "assistant" or not expected
    assert not expected
    last = found[-1]["content"][-1]
    assert roles[-1] == "user" or last["type"] != "text" or last["text"] == last["text"].rstrip()


@given(
    st.lists(
        NAMES | st.text("ab./_é", min_size=1, max_size=140), min_size=1, max_size=6, unique=True
    )
)
@settings(max_examples=100, deadline=None)
def test_tool_names_are_legal_unique_and_come_back(names: list[str]) -> None:
    body = {"tools": [{"type": "function", "function": {"name": name}} for name in names]}

    sent = [tool["name"] for tool in native(body)["tools"]]

    assert len(set(sent)) == len(names)
    assert all(name.isascii() and 0 < len(name) <= 128 and "." not in name for name in sent)
    for name, wire in zip(names, sent, strict=True):
        use = {"type": "tool_use", "id": "a", "name": wire, "input": {}}
        [call] = completion(whole(use, stop_reason="tool_use"), body)["choices"][0]["message"][
            "tool_calls"
        ]
        assert call["function"]["name"] == name


@given(OBJECTS)
@settings(max_examples=100, deadline=None)
def test_arguments_survive_the_way_there_and_back(arguments: dict[str, Any]) -> None:
    data = whole(
        {"type": "tool_use", "id": "a", "name": "f", "input": arguments}, stop_reason="tool_use"
    )
    answer = completion(data)["choices"][0]["message"]

    found = turns(*HI, answer, {"role": "tool", "tool_call_id": "a", "content": "ok"})

    assert found[1]["content"][0]["input"] == arguments


BLOCKS = st.one_of(
    st.builds(lambda t: ("text", t), st.text(max_size=12)),
    st.builds(lambda t: ("thinking", t), st.text(max_size=12)),
    st.builds(lambda o: ("tool_use", o), OBJECTS),
    st.builds(lambda o: ("server_tool_use", o), OBJECTS),
)


@given(st.lists(BLOCKS, max_size=5), st.randoms(use_true_random=False), st.integers(1, 60))
@settings(max_examples=80, deadline=None)
def test_a_stream_says_what_the_whole_message_says(
    blocks: list[tuple[str, Any]], random: Any, size: int
) -> None:
    content = [_block(kind, value, n) for n, (kind, value) in enumerate(blocks)]
    frames = [start()]
    for n, block in enumerate(content):
        frames += _frames(block, n, random)
    streamed = sse(*frames, *ended("end_turn", usage={"input_tokens": 3, "output_tokens": 2}))

    assert completion(streamed) == completion(whole(*content))
    pieces = [streamed[n : n + size] for n in range(0, len(streamed), size)]
    parser = PROVIDER.open_reply(read_chat({"messages": HI}), target(), ReplyHead(200, {}))
    cut = [event for piece in pieces for event in parser.feed(piece)] + parser.finish()
    assert cut == events(streamed)


def _block(kind: str, value: Any, place: int) -> dict[str, Any]:
    if kind == "text":
        return {"type": "text", "text": value}
    if kind == "thinking":
        return {"type": "thinking", "thinking": value, "signature": f"s{place}"}
    return {"type": kind, "id": f"toolu_{place}", "name": "f", "input": value}


def _frames(block: dict[str, Any], place: int, random: Any) -> list[dict[str, Any]]:
    kind = block["type"]
    if kind in ("text", "thinking"):
        pieces = _pieces(block[kind], random)
        found = [
            opened(place, **{**block, kind: "", **({"signature": ""} if kind != "text" else {})})
        ]
        found += [delta(place, type=f"{kind}_delta", **{kind: piece}) for piece in pieces]
        if kind == "thinking":
            found.append(delta(place, type="signature_delta", signature=block["signature"]))
    else:
        pieces = _pieces(orjson.dumps(block["input"]).decode(), random)
        found = [opened(place, **{**block, "input": {}})]
        found += [delta(place, type="input_json_delta", partial_json=piece) for piece in pieces]
    return [*found, closed(place)]


def _pieces(text: str, random: Any) -> list[str]:
    cuts = sorted(random.randint(0, len(text)) for _ in range(2))
    return [text[: cuts[0]], text[cuts[0] : cuts[1]], text[cuts[1] :]]


EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message_start", "content_block_start", "content_block_delta", "content_block_stop",
             "message_delta", "message_stop", "error", "ping", "new"]
        )
        | JSON
    },
    optional={
        "message": JSON | st.fixed_dictionaries({"usage": JSON, "model": JSON, "id": JSON}),
        "index": st.integers(-1, 2) | JSON,
        "content_block": JSON
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use", "x"])},
            optional={"text": JSON, "input": JSON, "name": JSON, "id": JSON, "citations": JSON,
                      "data": JSON, "caller": JSON},
        ),
        "delta": JSON
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["text_delta", "input_json_delta", "citations_delta", "x"])},
            optional={"text": JSON, "partial_json": JSON, "citation": JSON, "stop_reason": JSON,
                      "stop_details": JSON},
        ),
        "usage": JSON,
        "error": JSON,
    },
)  # fmt: skip


@given(st.lists(EVENTS, max_size=8))
@settings(max_examples=100, deadline=None)
def test_no_stream_of_events_makes_the_parser_stumble(found: list[dict[str, Any]]) -> None:
    data = b"".join(b"data: %s\n\n" % orjson.dumps(event) for event in found)

    try:
        parsed = events(data)
    except UpstreamError:
        return
    assert isinstance(parsed[-1], ev.End | ev.Error)


@given(JSON | st.fixed_dictionaries({"content": JSON, "type": JSON, "usage": JSON, "error": JSON}))
@settings(max_examples=100, deadline=None)
def test_no_json_body_makes_the_parser_stumble(body: Any) -> None:
    try:
        parsed = events(orjson.dumps(body))
    except UpstreamError:
        return
    assert isinstance(parsed[-1], ev.End | ev.Error)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_parser_stumble(data: bytes) -> None:
    try:
        parsed = events(data)
    except UpstreamError:
        return
    assert isinstance(parsed[-1], ev.End | ev.Error)


SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "null"])},
        optional={"pattern": st.just("a"), "minimum": st.just(1), "description": WORDS},
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda p: {"type": "object", "properties": p},
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        ),
        st.builds(lambda i: {"type": "array", "items": i, "maxItems": 3}, inner),
        st.builds(lambda i: {"anyOf": i}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=6,
)


@given(SCHEMAS)
@settings(deadline=None)
def test_closing_a_schema_twice_changes_nothing_more(schema: dict[str, Any]) -> None:
    before = orjson.dumps(schema)

    once = close_schema(schema)

    assert close_schema(once) == once
    assert orjson.dumps(schema) == before
    assert input_schema(schema).keys() & {"anyOf", "oneOf", "allOf"} == set()
