"""Parsing a whole reply, and a reply of another kind than was asked for."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.providers.openai.reply import MAX_BODY_BYTES
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.types.usage import Usage
from tests.providers.openai_scene import DONE, ROLE, body, chunk, frame, provider, read

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USAGE = Usage(input=3, output=2)


def whole(data: bytes, name: str = "openai", **members: Any) -> list[ev.Event]:
    return read([data], name, stream=False, **members)


def content(events: list[ev.Event]) -> list[ev.Event]:
    return [e for e in events if not isinstance(e, ev.Start | ev.Usage | ev.End)]


def failure(pieces: list[bytes], name: str = "openai", **members: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        read(pieces, name, **members)
    return caught.value


def test_a_clean_body_passes_as_it_is() -> None:
    data = body({"content": "hi", "odd": [1]}, system_fingerprint="fp", odd=1)

    start, usage, verbatim, end = whole(data)

    assert start == ev.Start(
        "model-1", "chatcmpl-1", 1_700_000_000, {"system_fingerprint": "fp"}, openai_id=True
    )
    assert isinstance(usage, ev.Usage)
    assert usage.usage == USAGE
    assert verbatim == ev.Verbatim(data, 1)
    assert end == ev.End()


@pytest.mark.parametrize(
    "message",
    [
        {"content": "a", "reasoning_content": "hm"},
        {"content": None, "tool_calls": [CALL]},
        {"content": "a", "tool_calls": [{**CALL, "index": 0}], "annotations": []},
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "x"}}]},
        {"content": None, "refusal": "no"},
        {"content": None, "audio": {"id": "a"}},
        {"content": "", "reasoning": None, "function_call": None, "tool_calls": []},
    ],
)
def test_what_strict_clients_read_without_stumbling_passes(message: Any) -> None:
    reason = "tool_calls" if message.get("tool_calls") else "stop"

    assert isinstance(content(whole(body(message, reason), "groq"))[0], ev.Verbatim)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (body({"content": "a", "reasoning": "hm"}), [ev.Reasoning(0, "hm"), ev.Text(0, "a")]),
        (body({"content": {"a": 1}}), [ev.Text(0, '{"a":1}')]),
        (body({"content": "a", "refusal": ""}), [ev.Text(0, "a")]),
        (
            body({"content": "a", "audio": {"id": "", "data": ""}, "function_call": {"name": ""}}),
            [ev.Text(0, "a")],
        ),
        (
            body(
                {
                    "content": [
                        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]},
                        {"type": "text", "text": "a"},
                        "b",
                    ]
                }
            ),
            [ev.Reasoning(0, "hm"), ev.Reasoning(0, "so"), ev.Text(0, "a"), ev.Text(0, "b")],
        ),
        (
            body({"content": [{"type": "reference", "ids": [1]}]}),
            [ev.Extra(0, {"content_parts": [{"type": "reference", "ids": [1]}]})],
        ),
        (
            body({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]}),
            [
                ev.Reasoning(0, "hm"),
                ev.ReasoningOpaque(0, {"type": "reasoning.text", "text": "hm", "index": 0}),
            ],
        ),
        (
            body({"content": "a", "reasoning": "x", "annotations": [{"type": "url_citation"}]}),
            [
                ev.Reasoning(0, "x"),
                ev.Text(0, "a"),
                ev.Annotation(0, {"type": "url_citation"}),
            ],
        ),
    ],
)
def test_every_dialect_of_a_message_is_read(data: bytes, expected: list[ev.Event]) -> None:
    assert content(whole(data)) == [*expected, ev.Finish(0, "stop", "stop")]


@pytest.mark.parametrize(
    "change",
    [
        {"object": "list"},
        {"id": ""},
        {"model": None},
        {"created": None},
        {"choices": [{"index": 0, "message": {"role": "bot", "content": "a"}}]},
        {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "message": "a", "finish_reason": "stop"}]},
        {"choices": [{"index": 3, "message": {"role": "assistant", "content": "a"}}]},
        {"choices": [{"delta": {}, "message": {"role": "assistant", "content": "a"}}]},
    ],
)
def test_a_body_that_strict_clients_stumble_over_is_taken_apart(change: Any) -> None:
    data = {**orjson.loads(body({"content": "a"})), **change}

    events = whole(orjson.dumps(data))

    assert not any(isinstance(event, ev.Verbatim) for event in events)
    assert [e.reason for e in events if isinstance(e, ev.Finish)] == ["stop"]


def test_calls_without_type_or_id_or_with_parsed_arguments_are_mended() -> None:
    calls = [
        {"function": {"name": "f", "arguments": {"a": 1}}},
        {"id": "", "type": "function", "function": {"name": "f", "arguments": None}},
        {"id": "c", "index": 0, "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c", "index": 0, "function": {"name": "g", "arguments": "{}", "x": 1}, "y": 2},
    ]

    events = content(whole(body({"tool_calls": calls}, "tool_calls")))

    starts = [e for e in events if isinstance(e, ev.ToolStart)]
    assert [(e.call, e.name) for e in starts] == [(0, "f"), (1, "f"), (2, "f"), (3, "g")]
    made = [start.id for start in starts[:2]]
    assert len(set(made)) == 2
    assert all(call_id.startswith("call_") for call_id in made)
    assert [start.id for start in starts[2:]] == ["c", "c"]
    assert starts[3].extra == {"y": 2}
    args = [(e.call, e.text) for e in events if isinstance(e, ev.ToolArgs)]
    assert args == [(0, '{"a":1}'), (2, "{}"), (3, "{}")]


def test_made_ids_are_the_same_for_the_same_reply_and_differ_between_replies() -> None:
    def made(reply_id: str) -> str:
        calls = [{"function": {"name": "f", "arguments": "{}"}}]
        data = body({"tool_calls": calls}, "tool_calls", id=reply_id)
        return next(e.id for e in whole(data) if isinstance(e, ev.ToolStart))

    assert made("a") == made("a") != made("b")


@pytest.mark.parametrize(
    ("name", "reason", "message", "expected"),
    [
        ("groq", "stop", {"tool_calls": [CALL]}, "tool_calls"),
        ("together", "eos", {"content": "a"}, "stop"),
        ("openai", "", {"content": "a"}, "stop"),
        ("openai", None, {"content": "a"}, "stop"),
        ("openai", None, {"tool_calls": [CALL]}, "tool_calls"),
        ("zai", "sensitive", {"content": ""}, "content_filter"),
        ("groq", "MAX_TOKENS", {"content": "a"}, "length"),
        ("groq", "weather", {"content": "a"}, "stop"),
    ],
)
def test_finish_reasons_end_up_in_openais_words(
    name: str, reason: Any, message: Any, expected: str
) -> None:
    finish = [e for e in whole(body(message, reason), name) if isinstance(e, ev.Finish)]

    assert [(e.reason, e.native) for e in finish] == [(expected, reason)]


def test_openais_own_stop_after_a_forced_call_is_left_alone() -> None:
    data = body({"tool_calls": [CALL]}, "stop")

    assert content(whole(data)) == [ev.Verbatim(data, 1)]


def test_a_filtered_choice_without_a_message_is_an_empty_one() -> None:
    data = orjson.loads(body({}, "content_filter"))
    del data["choices"][0]["message"]

    events = content(whole(orjson.dumps(data)))

    assert events == [ev.Finish(0, "content_filter", "content_filter")]


def test_a_body_without_usable_usage_is_taken_apart_so_that_it_can_be_estimated() -> None:
    data = orjson.loads(body({"content": "hello"}))
    data["usage"] = {"prompt_tokens": -1}

    events = whole(orjson.dumps(data))

    assert not any(isinstance(event, ev.Usage) for event in events)
    assert content(events) == [ev.Text(0, "hello"), ev.Finish(0, "stop", "stop")]


def test_members_beside_the_message_survive_a_repair() -> None:
    data = orjson.loads(body({"content": "a", "reasoning": "x", "odd": 1}, time_info={"t": 1}))
    data["choices"][0] |= {"native_finish_reason": "done", "logprobs": {"content": [{"t": 1}]}}

    events = content(whole(orjson.dumps(data)))

    assert events[0] == ev.Extra(None, {"time_info": {"t": 1}})
    assert ev.Extra(0, {"odd": 1}) in events
    assert ev.Logprobs(0, {"content": [{"t": 1}]}) in events
    assert ev.Extra(0, {"native_finish_reason": "done"}, beside=True) in events


def test_deprecated_functions_are_answered_from_a_typed_reply() -> None:
    data = body({"tool_calls": [CALL]}, "tool_calls")

    events = content(whole(data, functions=[{"name": "f"}]))

    assert events[0] == ev.ToolStart(0, 0, "c1", "f")


def test_a_function_call_nobody_asked_for_is_a_tool_call() -> None:
    data = body({"function_call": {"name": "f", "arguments": '{"a":1}'}}, "function_call")

    start, args, end, finish = content(whole(data))

    assert isinstance(start, ev.ToolStart)
    assert (start.name, start.id[:5]) == ("f", "call_")
    assert args == ev.ToolArgs(0, 0, '{"a":1}')
    assert (end, finish) == (ev.ToolEnd(0, 0), ev.Finish(0, "tool_calls", "function_call"))


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b""],
        [b"  \r\n "],
        [b"{}"],
        [b"[]"],
        [b"[{}]"],
        [b'{"choices": []}'],
        [b'{"choices": "x"}'],
        [b'{"choices": [null]}'],
        [b'{"id": "x", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}'],
        [b"<html><body>Bad gateway</body></html>"],
        [b"  <!DOCTYPE html>"],
        [b'{"id": "chatcmpl-1", "choices": [{"index": 0, "mess'],
        [b"\xff\xfe{"],
        [b"event: ping\n\n"],
        [b"data: {}\n\n"],
        [DONE],
        [frame({"type": "ping"}), DONE],
        [b": comment\n\n"],
        [b"just text\n"],
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_answer_is_never_an_empty_one(pieces: list[bytes], stream: bool) -> None:
    try:
        events = read(pieces, stream=stream)
    except UpstreamError as error:
        found = error
    else:
        assert isinstance(events[-1], ev.Error)
        found = events[-1].error
    assert found.failure is Failure.BAD_REPLY
    assert found.message


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        ({"message": "slow down", "code": 429}, Failure.RATE_LIMITED, "slow down"),
        ({"message": "no", "code": "context_length_exceeded"}, Failure.CONTEXT_LENGTH, "no"),
        ({"message": "no", "type": "insufficient_quota"}, Failure.QUOTA, "no"),
        ({"message": "no", "type": "overloaded_error"}, Failure.OVERLOADED, "no"),
        ({"message": "no", "code": 502}, Failure.SERVER, "no"),
        ("just text", Failure.SERVER, "just text"),
        ([{"message": "listed", "code": 400}], Failure.BAD_REQUEST, "listed"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_200_with_an_error_is_that_error(
    error: Any, expected: Failure, message: str, stream: bool
) -> None:
    found = failure([orjson.dumps({"error": error})], stream=stream)

    assert (found.failure, found.message, found.status) == (expected, message, 200)


def test_an_unwrapped_error_and_one_in_a_choice_are_errors_too() -> None:
    old_vllm = {"object": "error", "message": "too long", "code": 400}
    in_choice = orjson.loads(body({"content": "a"}, "error"))
    in_choice["choices"][0]["error"] = {"code": 503, "message": "gone"}

    assert failure([orjson.dumps(old_vllm)], stream=False).failure is Failure.BAD_REQUEST
    assert failure([orjson.dumps(in_choice)], stream=False).failure is Failure.OVERLOADED


def test_a_finish_that_stands_for_a_fault_is_one() -> None:
    data = body({"content": "half"}, "insufficient_system_resource")

    assert failure([data], "deepseek", stream=False).failure is Failure.OVERLOADED


def test_a_stream_request_answered_with_one_body_is_read() -> None:
    events = read([body({"content": "hi"})], stream=True)

    assert content(events) == [ev.Text(0, "hi"), ev.Finish(0, "stop", "stop")]
    assert isinstance(events[-1], ev.End)


def test_a_plain_request_answered_with_a_stream_is_read() -> None:
    events = read([ROLE, chunk({"content": "hi"}), chunk({}, "stop"), DONE], stream=False)

    assert content(events) == [ev.Text(0, "hi"), ev.Finish(0, "stop", "stop")]


def test_the_reply_is_read_by_its_bytes_not_by_its_label() -> None:
    events = read([b"\xef", b"\xbb\xbf \n", b" ", body({"content": "hi"})], stream=False)

    assert isinstance(content(events)[0], ev.Verbatim)


def test_a_body_that_never_ends_is_cut_off() -> None:
    found = failure([b"{" + b" " * MAX_BODY_BYTES], stream=False)

    assert found.failure is Failure.BAD_REPLY


def test_no_answer_is_shown_when_a_body_is_nonsense() -> None:
    found = failure([b'{"choices": [{"message": "my secret diary'], stream=False)

    assert "diary" not in found.message
    assert found.__cause__ is None


@pytest.mark.parametrize(
    ("status", "data", "headers", "expected"),
    [
        (404, b'{"error":{"code":"404","message":"Resource not found"}}', {}, Failure.NOT_FOUND),
        (500, b"<html>oops</html>", {}, Failure.SERVER),
        (502, b"", {}, Failure.SERVER),
        (429, b'{"error":{"message":"x"}}', {"retry-after": "7"}, Failure.RATE_LIMITED),
        (302, b"", {"location": "http://10.0.0.1"}, Failure.BAD_REPLY),
    ],
)
def test_a_refusal_is_read(status: int, data: bytes, headers: Any, expected: Failure) -> None:
    from_headers = provider().parse_error(ReplyHead(status, headers), data, 0.0)

    assert from_headers.failure is expected
    assert from_headers.status == status
    assert from_headers.wait_s == (7.0 if headers.get("retry-after") else None)
