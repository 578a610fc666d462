"""Writing a chat stream."""

from typing import Any

import orjson

from gateway.errors import Failure, UpstreamError, UpstreamFailed
from gateway.types import events as ev
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.json import JsonObject
from gateway.types.usage import Usage
from gateway.wire.chat_stream import DONE, StreamWriter

START = ev.Start("claude-sonnet-5", "msg_1", 1_700_000_000)
ROLE = {"role": "assistant", "content": "", "refusal": None}
FIRST_CALL = {"role": "assistant", "content": None, "refusal": None}


def writer(*, usage: bool = False, legacy: bool = False) -> StreamWriter:
    chat = ChatRequest("m", (Message(Role.USER, "hi"),), stream=True, legacy_functions=legacy)
    return StreamWriter(chat, id="req_1", created=5, model="m", usage_wanted=usage)


def write(*events: ev.Event, legacy: bool = False) -> list[JsonObject]:
    stream = writer(legacy=legacy)
    return parsed(b"".join(stream.write(event) for event in (START, *events)))


def parsed(stream: bytes) -> list[JsonObject]:
    frames = stream.split(b"\n\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: ") for frame in frames)
    return [orjson.loads(frame[6:]) for frame in frames if frame != b"data: [DONE]"]


def deltas(chunks: list[JsonObject]) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def call(number: int, arguments: str, **more: Any) -> JsonObject:
    function = {"arguments": arguments}
    if "name" in more:
        function = {"name": more.pop("name"), "arguments": arguments}
        more = {"type": "function", **more}
    return {"index": number, **more, "function": function}


def test_a_chunk_has_all_a_strict_client_looks_for() -> None:
    assert write(ev.Text(0, "Hi"))[1] == {
        "id": "chatcmpl-msg_1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "claude-sonnet-5",
        "choices": [
            {"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}
        ],
    }


def test_text_comes_after_its_role_and_before_its_finish() -> None:
    chunks = write(ev.Text(0, "Hi"), ev.Text(0, ""), ev.Text(0, " you"), ev.Finish(0, "stop"))

    assert deltas(chunks) == [ROLE, {"content": "Hi"}, {"content": " you"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]


def test_a_turn_of_calls_opens_with_the_first_one() -> None:
    chunks = write(
        ev.ToolStart(0, 0, "c1", "f", extra={"extra_content": {"g": 1}}),
        ev.ToolArgs(0, 0, '{"a":'),
        ev.ToolArgs(0, 0, "1}"),
        ev.ToolEnd(0, 0),
        ev.ToolStart(0, 1, "c2", "g"),
        ev.ToolEnd(0, 1),
        ev.Finish(0, "tool_calls"),
    )

    first = call(0, "", name="f", id="c1", extra_content={"g": 1})
    assert deltas(chunks) == [
        {**FIRST_CALL, "tool_calls": [first]},
        {"tool_calls": [call(0, '{"a":')]},
        {"tool_calls": [call(0, "1}")]},
        {"tool_calls": [call(1, "", name="g", id="c2")]},
        {"tool_calls": [call(1, "{}")]},
        {},
    ]


def test_a_call_after_text_needs_no_second_role() -> None:
    chunks = write(ev.Text(0, "ok"), ev.ToolStart(0, 0, "c1", "f"), ev.Finish(0, "tool_calls"))

    assert deltas(chunks) == [
        ROLE,
        {"content": "ok"},
        {"tool_calls": [call(0, "", name="f", id="c1")]},
        {"tool_calls": [call(0, "{}")]},
        {},
    ]


def test_a_custom_tool_gets_free_text() -> None:
    chunks = write(
        ev.ToolStart(0, 0, "c1", "math", custom=True),
        ev.ToolArgs(0, 0, "2+2"),
        ev.ToolEnd(0, 0),
        ev.Finish(0, "tool_calls"),
    )

    opened = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "math", "input": ""}}
    assert deltas(chunks) == [
        {**FIRST_CALL, "tool_calls": [opened]},
        {"tool_calls": [{"index": 0, "custom": {"input": "2+2"}}]},
        {},
    ]


def test_thoughts_come_first_and_leave_the_content_open() -> None:
    chunks = write(ev.Reasoning(0, "hm"), ev.Text(0, "Hi"), ev.Finish(0, "stop"))

    assert deltas(chunks) == [
        {**ROLE, "content": None},
        {"reasoning_content": "hm"},
        {"content": "Hi"},
        {},
    ]


def test_an_answer_of_thoughts_only_has_empty_text() -> None:
    chunks = write(ev.Reasoning(0, "hm"), ev.Finish(0, "length"))

    assert deltas(chunks)[-2:] == [{"content": ""}, {}]
    assert deltas(write(ev.Finish(0, "stop"))) == [ROLE, {}]


def test_fragments_of_a_reasoning_block_repeat_nothing() -> None:
    def detail(**members: Any) -> ev.ReasoningOpaque:
        return ev.ReasoningOpaque(0, {"type": "reasoning.text", "format": "anthropic", **members})

    chunks = write(
        detail(index=0, text="a"),
        detail(index=0, text="b"),
        detail(index=0, signature="s"),
        ev.ReasoningOpaque(0, {"type": "redacted", "data": "x", "format": "anthropic"}),
    )

    assert [delta["reasoning_details"][0] for delta in deltas(chunks)[1:]] == [
        {"type": "reasoning.text", "format": "anthropic", "text": "a", "index": 0},
        {"index": 0, "text": "b"},
        {"index": 0, "signature": "s"},
        {"type": "redacted", "data": "x", "format": "anthropic", "index": 1},
    ]


def test_annotations_come_together_before_the_finish() -> None:
    notes: list[Any] = [{"type": "url_citation", "url_citation": {"url": u}} for u in "ab"]
    chunks = write(
        ev.Annotation(0, notes[0]),
        ev.Text(0, "x"),
        ev.Annotation(0, notes[1]),
        ev.Finish(0, "stop"),
    )

    assert deltas(chunks) == [ROLE, {"content": "x"}, {"annotations": notes}, {}]


def test_every_choice_has_its_own_role_calls_and_finish() -> None:
    chunks = write(
        ev.Text(0, "a"),
        ev.ToolStart(1, 0, "c1", "f"),
        ev.ToolArgs(1, 0, "{}"),
        ev.Finish(1, "tool_calls"),
        ev.Text(0, "b"),
        ev.Finish(0, "stop"),
    )

    told = [
        (chunk["choices"][0]["index"], chunk["choices"][0]["finish_reason"]) for chunk in chunks
    ]
    assert told == [
        (0, None),
        (0, None),
        (1, None),
        (1, None),
        (1, "tool_calls"),
        (0, None),
        (0, "stop"),
    ]


def test_refusal_logprobs_and_audio_have_their_places() -> None:
    chunks = write(
        ev.Refusal(0, "no"),
        ev.Logprobs(0, {"content": [{"token": "a"}]}),
        ev.Audio(0, {"id": "au", "data": "AA=="}),
        ev.Finish(0, "content_filter"),
    )

    assert deltas(chunks) == [
        {**ROLE, "content": None},
        {"refusal": "no"},
        {},
        {"audio": {"id": "au", "data": "AA=="}},
        {},
    ]
    assert chunks[2]["choices"][0]["logprobs"] == {"content": [{"token": "a"}]}


def test_what_the_format_has_no_place_for_is_told_once() -> None:
    chunks = write(
        ev.Extra(None, {"citations": ["u"], "id": "forged", "usage": 1}),
        ev.Extra(0, {"graph": 1}),
        ev.Extra(0, {"graph": 1}),
        ev.Extra(0, {"stop_reason": 7}, beside=True),
        ev.Text(0, "a"),
        ev.Finish(0, "stop", "end_turn"),
    )

    assert deltas(chunks) == [{**ROLE, "content": None}, {"graph": 1}, {"content": "a"}, {}]
    assert chunks[0]["citations"] == ["u"]
    assert chunks[0]["id"] == "chatcmpl-msg_1"
    assert "citations" not in chunks[1]
    assert chunks[2]["choices"][0]["stop_reason"] == 7
    assert chunks[3]["choices"][0]["native_finish_reason"] == "end_turn"


def test_members_of_the_start_are_in_every_chunk() -> None:
    stream = writer()
    stream.write(ev.Start("m", "x", 1, {"system_fingerprint": "fp", "choices": "forged"}))

    chunks = parsed(stream.write(ev.Text(0, "a")))

    assert [chunk["system_fingerprint"] for chunk in chunks] == ["fp", "fp"]
    assert len(chunks[0]["choices"]) == 1


def test_ids_have_the_prefix_that_clients_expect() -> None:
    def shown(start: ev.Start | None) -> str:
        stream = writer()
        if start is not None:
            stream.write(start)
        return str(parsed(stream.write(ev.Text(0, "a")))[0]["id"])

    assert shown(ev.Start("m", "msg_1")) == "chatcmpl-msg_1"
    assert shown(ev.Start("m", "chatcmpl-1")) == "chatcmpl-1"
    assert shown(ev.Start("m", "gen-1", openai_id=True)) == "gen-1"
    assert shown(ev.Start("m")) == "chatcmpl-req_1"
    assert shown(ev.Start("m", "", openai_id=True)) == "chatcmpl-req_1"
    assert shown(None) == "chatcmpl-req_1"


def test_an_unknown_finish_reason_never_reaches_a_client() -> None:
    chunks = write(ev.Text(0, "a"), ev.Finish(0, "pause_turn"))

    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_the_deprecated_format_gets_its_one_call() -> None:
    chunks = write(
        ev.ToolStart(0, 0, "c1", "f"),
        ev.ToolArgs(0, 0, '{"a":1}'),
        ev.ToolStart(0, 1, "c2", "g"),
        ev.ToolArgs(0, 1, "{}"),
        ev.Finish(0, "tool_calls"),
        legacy=True,
    )

    assert deltas(chunks) == [
        {**FIRST_CALL, "function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a":1}'}},
        {},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


USAGE = ev.Usage(Usage(input=5, cache_read=3, cache_write=2, output=4, reasoning=1))
USAGE_OBJECT = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 0},
}
TURN = (START, ev.Text(0, "a"), ev.Finish(0, "stop"))


def test_usage_comes_last_and_only_if_asked_for() -> None:
    asked, unasked = writer(usage=True), writer()

    with_usage = b"".join(asked.write(event) for event in (*TURN, USAGE, ev.End()))
    without = b"".join(unasked.write(event) for event in (*TURN, USAGE, ev.End()))

    *before, last = parsed(with_usage)
    assert with_usage.endswith(DONE)
    assert last["choices"] == []
    assert last["usage"] == USAGE_OBJECT
    assert [chunk["usage"] for chunk in before] == [None] * 3
    assert without.endswith(DONE)
    assert not any("usage" in chunk for chunk in parsed(without))


def test_the_last_usage_counts_and_is_told_once() -> None:
    stream = writer(usage=True)
    events = (*TURN, ev.Usage(Usage(input=1)), USAGE, ev.End())

    chunks = parsed(b"".join(stream.write(event) for event in events))

    assert [chunk["usage"] for chunk in chunks if chunk["usage"]] == [USAGE_OBJECT]


def test_a_providers_own_usage_is_told_as_it_is() -> None:
    stream = writer(usage=True)
    raw = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.1}
    events = (*TURN, ev.Usage(Usage(input=1, output=2), raw), ev.End())

    assert parsed(b"".join(stream.write(event) for event in events))[-1]["usage"] == raw


def test_late_facts_ride_on_the_usage_chunk() -> None:
    by_call, by_member = writer(usage=True), writer(usage=True)
    facts = {"cost_usd": "0.01"}
    for event in TURN:
        by_call.write(event)
        by_member.write(event)

    called = by_call.usage_chunk(USAGE, facts) + by_call.write(ev.End())
    by_member.write(USAGE)
    by_member.usage_extra = facts
    ended = by_member.write(ev.End())

    assert called == ended
    assert parsed(called)[0]["gateway"] == facts
    assert writer().usage_chunk(USAGE, facts) == b""


def test_late_facts_are_told_even_without_usage() -> None:
    stream = writer(usage=True)
    for event in TURN:
        stream.write(event)
    stream.usage_extra = {"cost_usd": None}

    last = parsed(stream.write(ev.End()))[0]

    assert (last["usage"], last["gateway"]) == (None, {"cost_usd": None})


def test_bytes_in_the_clients_format_pass_unchanged() -> None:
    stream = writer(usage=True)
    frame = b'data: {"anything":1}\n\n'

    assert stream.write(START) == b""
    assert stream.write(ev.Verbatim(frame, 1)) == frame
    rest = stream.write(ev.Text(0, "x")) + stream.write(ev.Finish(0, "stop"))
    assert deltas(parsed(rest)) == [{"content": "x"}, {}]


def test_an_error_is_one_frame_that_clients_raise() -> None:
    frame = writer().error(UpstreamFailed("broken"))

    assert parsed(frame)[0]["error"]["message"] == "broken"
    assert writer().write(ev.Error(UpstreamError(Failure.SERVER, "x"))) == b""


def test_separators_of_other_standards_stay_inside_their_chunk() -> None:
    text = "a\u2028b\u2029c\x85d\r\ne\0"

    assert deltas(write(ev.Text(0, text)))[1] == {"content": text}
