"""Google: what holds for every request and every reply, tried with made-up ones."""

import itertools
import json
from typing import Any

import orjson
from hypothesis import given, settings, strategies as st

from gateway.errors import InvalidRequest, UpstreamError
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter, StreamWriter
from tests.providers.google_scene import (
    GEMINI,
    HI,
    events,
    fragment,
    message,
    on_vertex,
    request,
    sse,
    target,
    turns,
    whole,
)

TARGETS = st.sampled_from(
    [
        target(),
        target("gemini-2.5-pro"),
        target("gemini-1.5-pro"),
        target("gemma-3-27b-it"),
        on_vertex(),
        on_vertex("gemini-4-argon"),
    ]
)
WORDS = st.sampled_from(["", " ", "a", "é b", "😀", '{"a": 1}', "[1]"])
IDS = st.sampled_from(["a", "b", "c.d"])
NAMES = st.sampled_from(["f", "g.h", "2x", "a b", "_2x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=4), JSON, max_size=3)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
PARTS = st.just(IMAGE) | st.builds(lambda text: {"type": "text", "text": text}, WORDS)
CONTENT = WORDS | st.lists(PARTS, min_size=1, max_size=3)
DETAILS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["encrypted", "thinking", "summary"]),
        "format": st.sampled_from(["gemini", "anthropic"]),
        "data": st.sampled_from(["S", ""]),
    },
    optional={
        "id": IDS,
        "text_start": st.integers(-1, 4),
        "text_end": st.integers(-1, 4),
        "signature": st.just("T"),
    },
)
CALLS = st.builds(
    lambda id_, name, arguments: {
        "id": id_,
        "type": "function",
        "function": {"name": name.replace(" ", "-"), "arguments": json.dumps(arguments)},
    },
    IDS,
    NAMES,
    OBJECTS,
)
USERS = st.builds(lambda content: {"role": "user", "content": content or "x"}, CONTENT)
SYSTEMS = st.builds(
    lambda role, text: {"role": role, "content": text or "x"},
    st.sampled_from(["system", "developer"]),
    WORDS,
)
ASSISTANTS = st.builds(
    lambda text, calls, details: {
        "role": "assistant",
        "content": text,
        "tool_calls": calls,
        "reasoning_details": details,
    },
    WORDS,
    st.lists(CALLS, max_size=3),
    st.lists(DETAILS, max_size=2),
)
TOOLS = st.builds(
    lambda id_, content: {"role": "tool", "tool_call_id": id_, "content": content}, IDS, CONTENT
)
MESSAGES = st.lists(USERS | SYSTEMS | ASSISTANTS | TOOLS, min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(MESSAGES, TARGETS)
def test_every_conversation_keeps_googles_rules(messages: list[Any], to: Any) -> None:
    try:
        built = orjson.loads(request({"messages": messages}, to).body)
    except InvalidRequest:
        return

    contents = built["contents"]
    assert contents[0]["role"] == "user"
    assert all(turn["parts"] for turn in contents)
    for turn, following in itertools.pairwise([*contents, {"role": "none", "parts": []}]):
        check_results_follow(turn, following)
    for turn, following in itertools.pairwise(contents):
        same = turn["role"] == following["role"]
        assert not same or "functionResponse" in turn["parts"][0]


def check_results_follow(turn: dict[str, Any], following: dict[str, Any]) -> None:
    calls = [part["functionCall"] for part in turn["parts"] if "functionCall" in part]
    results = [p["functionResponse"] for p in following["parts"] if "functionResponse" in p]
    if turn["role"] == "model":
        assert [(c["id"], c["name"]) for c in calls] == [(r["id"], r["name"]) for r in results]
        assert not results or len(results) == len(following["parts"])
    assert all(isinstance(result["response"], dict) for result in results)


@settings(max_examples=100, deadline=None)
@given(MESSAGES)
def test_the_first_call_of_every_turn_is_signed_where_it_must_be(messages: list[Any]) -> None:
    try:
        found = turns(*messages, to=target("gemini-3-pro-preview"))
    except InvalidRequest:
        return

    for turn in found:
        calls = [part for part in turn["parts"] if "functionCall" in part]
        assert not calls or calls[0]["thoughtSignature"]


FEW = st.sampled_from(["f", "g.h"])
REPLY_PARTS = st.lists(
    st.builds(lambda text: {"text": text}, WORDS)
    | st.builds(lambda text: {"text": text, "thought": True}, WORDS)
    | st.builds(lambda text: {"text": text, "thoughtSignature": "S"}, WORDS)
    | st.builds(lambda name, args: {"functionCall": {"name": name, "args": args}}, FEW, OBJECTS)
    | st.builds(
        lambda id_, name: {"functionCall": {"id": id_, "name": name}, "thoughtSignature": "S"},
        IDS,
        FEW,
    )
    | st.just({"executableCode": {"code": "1"}}),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(REPLY_PARTS, st.lists(st.integers(1, 400), max_size=6))
def test_a_reply_says_the_same_whole_streamed_and_cut_anywhere(
    parts: list[Any], cuts: list[int]
) -> None:
    streamed = sse(*map(fragment, parts), fragment(finish="STOP")).replace(b"\\ud", b"\\uD")
    as_array = b"[" + b",".join(line[5:].strip() for line in streamed.splitlines() if line) + b"]"

    assert message(streamed) == message(as_array)
    for data in (streamed, as_array):
        parser = GEMINI.open_reply(
            read_chat({"model": "m", "messages": HI}), target(), ReplyHead(200, {})
        )
        found: list[ev.Event] = []
        rest = data
        for size in cuts:
            found += parser.feed(rest[:size])
            rest = rest[size:]
        assert [*found, *parser.feed(rest), *parser.finish()] == events(data)
    if parts:
        assert message(whole(*parts)) == message(streamed)


@settings(max_examples=150, deadline=None)
@given(REPLY_PARTS)
def test_a_reply_goes_back_with_all_it_says_to_the_model(parts: list[Any]) -> None:
    answer = message(sse(*map(fragment, parts), fragment(finish="STOP")))
    answer = {**answer, "refusal": None, "content": answer["content"] or ""}
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "1"}
        for call in answer.get("tool_calls", [])
    ]
    sent = turns(*HI, answer, *results, *HI, to=target("gemini-2.5-pro"))

    back = [part for turn in sent if turn["role"] == "model" for part in turn["parts"]]
    spoken = [p["text"] for p in parts if "text" in p and not p.get("thought")]
    assert "".join(p.get("text", "") for p in back if not p.get("thought")) == "".join(spoken)
    made = [p["functionCall"]["name"] for p in parts if "functionCall" in p]
    assert [p["functionCall"]["name"] for p in back if "functionCall" in p] == made
    ran = [p for p in parts if "executableCode" in p]
    assert [p for p in back if "executableCode" in p] == ran


MEMBERS = st.sampled_from(
    [
        "args", "candidates", "content", "error", "finishReason", "functionCall", "groundingChunks",
        "groundingMetadata", "groundingSupports", "index", "inlineData", "jsonPath", "message",
        "logprobsResult", "mimeType", "name", "partialArgs", "parts", "promptFeedback", "responseId",
        "segment", "text", "thought", "thoughtSignature", "usageMetadata", "web", "willContinue",
    ]
)  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats(allow_nan=False) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            MEMBERS,
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
FRAGMENTS = st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": ODD,
                    "content": st.fixed_dictionaries({"parts": st.lists(ODD, max_size=3)}) | ODD,
                    "finishReason": ODD,
                    "groundingMetadata": ODD,
                    "logprobsResult": ODD,
                },
            )
            | ODD,
            max_size=2,
        ),
        "usageMetadata": ODD,
        "promptFeedback": ODD,
        "responseId": ODD,
        "createTime": ODD,
        "error": ODD,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=3))
def test_odd_replies_are_answers_or_errors_and_never_a_crash(odd: list[Any]) -> None:
    chat = read_chat({"model": "m", "messages": HI})
    data = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in odd)
    try:
        found = events(data + sse(fragment("a", finish="STOP")))
    except UpstreamError:
        return
    stream = StreamWriter(chat, id="i", created=1, model="m", usage_wanted=True)
    gathered = CompletionWriter(chat, id="i", created=1, model="m")
    for event in found:
        stream.write(event)
        gathered.add(event)
    gathered.body()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", b"data: ", b"[", b"{", b'[{"a":"']))
def test_any_bytes_are_an_answer_or_an_error(junk: bytes, lead: bytes) -> None:
    parser = GEMINI.open_reply(
        read_chat({"model": "m", "messages": HI}), target(), ReplyHead(200, {})
    )
    try:
        parser.feed(lead + junk)
        parser.finish()
    except UpstreamError:
        pass
