"""Gathering a completion, and its agreement with the stream."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.types import events as ev
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.json import JsonObject
from gateway.types.usage import Usage
from gateway.wire.chat_complete import CompletionWriter
from gateway.wire.chat_stream import StreamWriter

CITATION = {"url": "u", "title": "t", "start_index": 0, "end_index": 0}
NOTE: JsonObject = {"type": "url_citation", "url_citation": CITATION}
START = ev.Start("claude-sonnet-5", "msg_1", 1_700_000_000)


def token(text: str) -> JsonObject:
    return {"token": text, "logprob": -1.0, "bytes": None, "top_logprobs": []}


def request(*, legacy: bool = False) -> ChatRequest:
    return ChatRequest("m", (Message(Role.USER, "hi"),), legacy_functions=legacy)


def complete(*events: ev.Event, legacy: bool = False, gateway: Any = None) -> JsonObject:
    writer = CompletionWriter(request(legacy=legacy), id="req_1", created=5, model="m")
    for event in (START, *events, ev.End()):
        writer.add(event)
    body: JsonObject = orjson.loads(writer.body(gateway))
    ChatCompletion.model_validate(body)
    return body


def message(*events: ev.Event, legacy: bool = False) -> JsonObject:
    found: JsonObject = complete(*events, legacy=legacy)["choices"][0]["message"]
    return found


def test_a_completion_has_all_a_strict_client_looks_for() -> None:
    usage = ev.Usage(Usage(input=2, output=1))

    assert complete(ev.Text(0, "H"), ev.Text(0, "i"), ev.Finish(0, "stop"), usage) == {
        "id": "chatcmpl-msg_1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "claude-sonnet-5",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 2,
            "completion_tokens": 1,
            "total_tokens": 3,
            "prompt_tokens_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 0,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
    }


def test_calls_are_gathered_with_what_rides_on_them() -> None:
    found = message(
        ev.ToolStart(0, 0, "c1", "f", extra={"extra_content": {"g": 1}}),
        ev.ToolStart(0, 1, "c2", "math", custom=True),
        ev.ToolArgs(0, 0, '{"a":'),
        ev.ToolArgs(0, 1, "2+2"),
        ev.ToolArgs(0, 0, "1}"),
        ev.ToolStart(0, 2, "c3", "h"),
        ev.ToolEnd(0, 2),
        ev.Finish(0, "tool_calls"),
    )

    assert found["content"] is None
    assert found["tool_calls"] == [
        {
            "extra_content": {"g": 1},
            "id": "c1",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
        },
        {"id": "c2", "type": "custom", "custom": {"name": "math", "input": "2+2"}},
        {"id": "c3", "type": "function", "function": {"name": "h", "arguments": "{}"}},
    ]


def test_the_deprecated_format_gets_its_one_call() -> None:
    body = complete(
        ev.ToolStart(0, 0, "c1", "f"),
        ev.ToolArgs(0, 0, '{"a":1}'),
        ev.ToolStart(0, 1, "c2", "g"),
        ev.Finish(0, "tool_calls"),
        legacy=True,
    )

    choice = body["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert choice["finish_reason"] == "function_call"
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (ev.Reasoning(0, "hm"), ""),
        (ev.Refusal(0, "no"), None),
        (ev.Audio(0, {"id": "a", "data": "x", "expires_at": 1, "transcript": "t"}), None),
        (ev.Extra(0, {"x": 1}), ""),
    ],
)
def test_content_is_empty_text_unless_something_else_is_said(
    event: ev.Event, content: str | None
) -> None:
    assert message(event, ev.Finish(0, "stop"))["content"] == content


def test_everything_else_has_its_place() -> None:
    one, two, three = map(token, "abc")
    body = complete(
        ev.Reasoning(0, "h"),
        ev.Reasoning(0, "m"),
        ev.ReasoningOpaque(0, {"type": "thinking", "text": "h", "index": 4}),
        ev.ReasoningOpaque(0, {"type": "thinking", "text": "m", "signature": "s", "index": 4}),
        ev.Annotation(0, NOTE),
        ev.Logprobs(0, {"content": [one], "refusal": None}),
        ev.Logprobs(0, {"content": [two], "refusal": [three]}),
        ev.Audio(0, {"id": "au", "data": "AA", "transcript": "a"}),
        ev.Audio(0, {"data": "BB", "expires_at": 7}),
        ev.Extra(0, {"images": [1]}),
        ev.Extra(0, {"images": [2], "x": 1}),
        ev.Extra(0, {"seed": 3}, beside=True),
        ev.Extra(None, {"citations": ["u"], "model": "forged"}),
        ev.Finish(0, "stop", "end_turn"),
    )

    choice = body["choices"][0]
    assert choice["message"] == {
        "images": [1, 2],
        "x": 1,
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [NOTE],
        "reasoning_content": "hm",
        "reasoning_details": [{"type": "thinking", "text": "hm", "index": 0, "signature": "s"}],
        "audio": {"id": "au", "data": "AABB", "transcript": "a", "expires_at": 7},
    }
    assert choice["logprobs"] == {"content": [one, two], "refusal": [three]}
    assert (choice["seed"], choice["native_finish_reason"]) == (3, "end_turn")
    assert (body["citations"], body["model"]) == (["u"], "claude-sonnet-5")


def test_choices_are_in_order() -> None:
    body = complete(ev.Text(1, "b"), ev.Text(0, "a"), ev.Finish(1, "stop"), ev.Finish(0, "length"))

    told = [(c["index"], c["message"]["content"], c["finish_reason"]) for c in body["choices"]]
    assert told == [(0, "a", "length"), (1, "b", "stop")]


def test_a_body_that_passes_is_unchanged_but_for_late_facts() -> None:
    body = b' {"id": "x", "weird":   1}\n'
    writer = CompletionWriter(request(), id="r", created=1, model="m")
    writer.add(ev.Start("m", "x"))
    writer.add(ev.Verbatim(body, 1))

    assert writer.body() == body
    assert orjson.loads(writer.body({"cost_usd": "1"})) == {
        "id": "x",
        "weird": 1,
        "gateway": {"cost_usd": "1"},
    }


def test_late_facts_are_a_member_of_their_own() -> None:
    assert complete(ev.Finish(0, "stop"), gateway={"a": 1})["gateway"] == {"a": 1}


choice = st.integers(0, 2)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
fragment = st.fixed_dictionaries(
    {"type": st.sampled_from(["thinking", "redacted"])},
    optional={
        "index": st.integers(0, 2),
        "text": texts,
        "data": texts,
        "signature": st.none() | st.just("s"),
        "format": st.just("anthropic"),
    },
)
content = st.one_of(
    st.builds(ev.Text, choice, texts),
    st.builds(ev.Reasoning, choice, texts),
    st.builds(ev.Refusal, choice, texts),
    st.builds(ev.ReasoningOpaque, choice, fragment),
    st.builds(ev.Annotation, choice, st.just(NOTE)),
    st.builds(ev.Extra, choice, st.sampled_from([{}, {"p": True}, {"q": "x"}])),
    st.tuples(choice, st.lists(texts, max_size=3)),
)


def with_calls(items: list[Any]) -> list[ev.Event]:
    """Turn (choice, fragments) into a call of that choice, numbered as it comes."""
    events: list[ev.Event] = []
    numbers = dict.fromkeys(range(3), 0)
    for item in items:
        if not isinstance(item, tuple):
            events.append(item)
            continue
        index, fragments = item
        number = numbers[index]
        numbers[index] += 1
        events.append(ev.ToolStart(index, number, f"c{index}{number}", f"f{number}"))
        events.extend(ev.ToolArgs(index, number, text) for text in fragments)
        if len(fragments) != 1:
            events.append(ev.ToolEnd(index, number))
    return events


@settings(deadline=None)
@given(st.lists(content, max_size=12).map(with_calls), st.permutations([0, 1, 2]))
def test_the_official_client_makes_of_the_stream_what_the_completion_says(
    events: list[ev.Event], order: list[int]
) -> None:
    events = [*(ev.Text(n, "") for n in range(3)), *events]
    events += [ev.Finish(n, ("stop", "length", "tool_calls")[n]) for n in order]
    events.append(ev.Usage(Usage(input=3, output=2)))
    whole = complete(*events)

    stream = StreamWriter(request(), id="req_1", created=5, model="m", usage_wanted=True)
    state = ChatCompletionStreamState()
    for event in (START, *in_choice_order(events), ev.End()):
        for frame in stream.write(event).split(b"\n\n"):
            if frame and frame != b"data: [DONE]":
                state.handle_chunk(ChatCompletionChunk.model_validate_json(frame[6:]))

    assembled = state.current_completion_snapshot.model_dump(exclude_unset=True)
    assert told(assembled) == told(whole)


def in_choice_order(events: list[ev.Event]) -> list[ev.Event]:
    """Let the choices begin in the order of their indexes: the client takes them for places."""
    begun = [event for n in range(3) for event in (ev.Logprobs(n, {"content": []}),)]
    return [*begun, *events]


def told(completion: Any) -> Any:
    """Return what both forms must agree on; a stream has no place for nulls and empty text."""
    choices = []
    for choice in completion["choices"]:
        message = {n: v for n, v in choice["message"].items() if v not in (None, "")}
        for call in message.get("tool_calls") or []:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        message.pop("parsed", None)
        choices.append((choice["index"], choice["finish_reason"], message))
    return choices, completion["usage"]["total_tokens"], completion["id"]
