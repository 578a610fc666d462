from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.types.usage import Usage
from tests.providers.cohere_scene import (
    START,
    USAGE,
    completion,
    ended,
    events,
    sse,
    step,
    target,
    whole,
)

CALL = {"id": "f_1", "type": "function", "function": {"name": "f", "arguments": ""}}
DONE = b"data: [DONE]\n\n"
CITATION = {
    "start": 4,
    "end": 9,
    "text": "there",
    "type": "TEXT_CONTENT",
    "sources": [
        {"type": "document", "id": "d:0", "document": {"id": "d:0", "title": "T"}},
        {"type": "document", "id": "d:1", "document": {"url": "https://e.org", "title": "E"}},
        {"type": "tool", "id": "t:0", "tool_output": {"url": "https://t.org"}},
    ],
}


def text(kind: str, words: str, index: int = 0) -> dict[str, Any]:
    return step(kind, index, content={"type": "text", "text": words})


def thought(kind: str, words: str) -> dict[str, Any]:
    return step(kind, content={"type": "thinking", "thinking": words})


STREAM = (
    START,
    thought("content-start", ""),
    thought("content-delta", "hmm"),
    step("content-end"),
    text("content-start", "", 1),
    text("content-delta", "Hi ", 1),
    text("content-delta", "there", 1),
    step("citation-start", citations=CITATION),
    {"type": "citation-end", "index": 0},
    step("content-end", 1),
    {"type": "debug", "prompt": "…"},
    {"type": "something-new", "delta": {"x": 1}},
    ended(),
)


def test_a_stream_is_read_step_by_step() -> None:
    read = events(sse(*STREAM) + DONE)
    assert read[:4] == [
        ev.Start(target().model, "id-1"),
        ev.Reasoning(0, "hmm"),
        ev.Text(0, "Hi "),
        ev.Text(0, "there"),
    ]
    assert read[-3:-2] == [ev.Finish(0, "stop", "COMPLETE")]
    assert read[-1] == ev.End()


def test_the_end_marker_is_not_needed_and_nothing_counts_after_the_end() -> None:
    read = events(sse(*STREAM) + DONE)
    assert events(sse(*STREAM)) == read
    assert events(sse(*STREAM).rstrip()) == read
    assert events(sse(*STREAM) + sse(text("content-delta", "more"))) == read


def test_read_and_billed_tokens_are_told_apart() -> None:
    [usage] = [event for event in events(sse(*STREAM)) if isinstance(event, ev.Usage)]
    assert usage.usage == Usage(input=53, cache_read=448, output=6, reasoning=3)
    assert usage.billed == Usage(input=6, output=2)
    told = completion(sse(*STREAM))
    assert told["usage"]["prompt_tokens"] == 501
    assert told["usage"]["prompt_tokens_details"]["cached_tokens"] == 448
    assert told["usage"]["completion_tokens"] == 9
    assert told["billed_units"] == USAGE["billed_units"]


@pytest.mark.parametrize(
    ("raw", "usage", "billed"),
    [
        (None, None, None),
        ({}, None, None),
        ({"tokens": {"input_tokens": "7"}}, None, None),
        ({"tokens": {"input_tokens": -7}}, None, None),
        ({"tokens": {"input_tokens": 7.0, "output_tokens": 2.0}}, Usage(input=7, output=2), None),
        (
            {"tokens": {"input_tokens": 34, "image_tokens": 259, "output_tokens": 5}},
            Usage(input=293, output=5),
            None,
        ),
        (
            {"tokens": {"input_tokens": 7, "output_tokens": 2}, "cached_tokens": 99},
            Usage(cache_read=7, output=2),
            None,
        ),
        (
            {"billed_units": {"input_tokens": 3, "output_tokens": 1}},
            Usage(input=3, output=1),
            Usage(input=3, output=1),
        ),
    ],
)
def test_usage_is_only_what_can_be_true(raw: Any, usage: Usage | None, billed: Any) -> None:
    read = events(sse(START, text("content-start", "a"), ended(usage=raw)))
    found = [event for event in read if isinstance(event, ev.Usage)]
    assert [event.usage for event in found] == ([] if usage is None else [usage])
    assert [event.billed for event in found] == ([] if usage is None else [billed])


def test_a_citation_is_kept_whole_and_sources_with_an_address_are_annotations() -> None:
    message = completion(sse(*STREAM))["choices"][0]["message"]
    assert message["citations"] == [CITATION]
    place = {"start_index": 4, "end_index": 9}
    assert [note["url_citation"] for note in message["annotations"]] == [
        {"url": "https://e.org", "title": "E", **place},
        {"url": "https://t.org", "title": "https://t.org", **place},
    ]
    assert {note["type"] for note in message["annotations"]} == {"url_citation"}


def test_a_citation_in_a_later_part_points_into_the_whole_text() -> None:
    late = {**CITATION, "content_index": 1}
    stream = sse(
        START,
        text("content-start", "12345 "),
        text("content-start", "Hi there", 1),
        step("citation-start", citations=late),
        ended(),
    )
    [note, _] = completion(stream)["choices"][0]["message"]["annotations"]
    assert (note["url_citation"]["start_index"], note["url_citation"]["end_index"]) == (10, 15)


def test_a_citation_of_a_thought_has_no_place_in_the_text() -> None:
    inner = {**CITATION, "type": "THINKING_CONTENT"}
    stream = sse(START, thought("content-start", "x"), step("citation-start", citations=inner))
    message = completion(stream + sse(ended()))["choices"][0]["message"]
    assert message["citations"] == [inner]
    assert "annotations" not in message


def test_a_plan_and_parallel_calls_come_with_their_arguments() -> None:
    other = {"id": "g_2", "type": "function", "function": {"name": "g", "arguments": ""}}
    stream = sse(
        START,
        step("tool-plan-delta", tool_plan="I will "),
        step("tool-plan-delta", tool_plan="look."),
        step("tool-call-start", 0, tool_calls=CALL),
        step("tool-call-delta", 0, tool_calls={"function": {"arguments": '{\n  "a"'}}),
        step("tool-call-delta", 0, tool_calls={"function": {"arguments": ": 1\n}"}}),
        step("tool-call-end", 0),
        step("tool-call-start", 1, tool_calls=other),
        step("tool-call-end", 1),
        ended("TOOL_CALL"),
    )
    [choice] = completion(stream)["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["reasoning_content"] == "I will look."
    calls = [(c["id"], c["function"]) for c in choice["message"]["tool_calls"]]
    assert calls == [
        ("f_1", {"name": "f", "arguments": '{\n  "a": 1\n}'}),
        ("g_2", {"name": "g", "arguments": "{}"}),
    ]


def test_the_client_reads_its_own_names_again() -> None:
    named = {"id": "f_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
    tools = [{"type": "function", "function": {"name": "get-weather"}}]
    streamed = sse(START, step("tool-call-start", 0, tool_calls=named), ended("TOOL_CALL"))
    for data in (streamed, whole("TOOL_CALL", tool_calls=[named])):
        assert [e.name for e in events(data) if isinstance(e, ev.ToolStart)] == ["get_weather"]
        mapped = events(data, tools=tools)
        assert [e.name for e in mapped if isinstance(e, ev.ToolStart)] == ["get-weather"]


def test_a_call_that_was_not_closed_is_closed_with_the_message() -> None:
    read = events(sse(START, step("tool-call-start", 0, tool_calls=CALL), ended("TOOL_CALL")))
    assert [type(event) for event in read] == [
        ev.Start,
        ev.ToolStart,
        ev.ToolEnd,
        ev.Extra,
        ev.Finish,
        ev.Usage,
        ev.End,
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("ERROR_TOXIC", "content_filter"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_every_end_has_its_reason(native: str, reason: str) -> None:
    for body in (sse(START, text("content-start", "a"), ended(native)), whole(native, content=[])):
        assert completion(body)["choices"][0]["finish_reason"] == reason


def test_calls_are_called_calls_whatever_the_reason() -> None:
    body = sse(START, step("tool-call-start", 0, tool_calls=CALL), ended("COMPLETE"))
    assert completion(body)["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("delta", "failure", "message"),
    [
        ({"finish": "ERROR"}, Failure.SERVER, "The answer ended with 'ERROR'."),
        ({"finish": "TIMEOUT"}, Failure.TIMEOUT, "The answer ended with 'TIMEOUT'."),
        ({"finish": "ERROR", "error": "gpu on fire"}, Failure.SERVER, "gpu on fire"),
    ],
)
def test_a_failed_end_is_an_error_and_its_tokens_are_still_counted(
    delta: Any, failure: Failure, message: str
) -> None:
    read = events(sse(START, text("content-start", "a"), ended(**delta)))
    assert isinstance(read[-2], ev.Usage)
    assert isinstance(read[-1], ev.Error)
    assert (read[-1].error.failure, read[-1].error.message) == (failure, message)
    assert not any(isinstance(event, ev.Finish | ev.End) for event in read)


def test_logprobs_become_openais_one_entry_for_each_piece() -> None:
    piece = {"text": "Hé", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}
    entry = {"token": "Hé", "logprob": -0.75, "bytes": [72, 195, 169], "top_logprobs": []}
    streamed = sse(START, {**text("content-delta", "Hé"), "logprobs": piece}, ended())
    body = orjson.loads(whole(content=[{"type": "text", "text": "Hé"}]))
    at_once = orjson.dumps({**body, "logprobs": [piece, {"token_ids": [3]}]})
    for reply in (streamed, at_once):
        assert completion(reply)["choices"][0]["logprobs"]["content"] == [entry]


def test_a_whole_reply_says_the_same_as_its_stream() -> None:
    body = whole(
        content=[{"type": "thinking", "thinking": "hmm"}, {"type": "text", "text": "Hi there"}],
        citations=[CITATION],
    )
    assert completion(body) == completion(sse(*STREAM))


def test_content_may_be_absent_null_or_a_string() -> None:
    for message, content in (({}, ""), ({"content": None}, ""), ({"content": "a"}, "a")):
        assert (completion(whole(**message))["choices"][0]["message"]["content"] or "") == content


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"<html>", b"[]", b"{}", b'{"id": "x"}', b'{"message": 7}', b'{"mess'],
)
def test_what_is_no_answer_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(UpstreamError) as broken:
        events(body)
    assert broken.value.failure is Failure.BAD_REPLY


def test_a_stream_that_stops_is_cut() -> None:
    for count in range(1, len(STREAM)):
        with pytest.raises(UpstreamError) as broken:
            events(sse(*STREAM[:count]))
        assert broken.value.failure is Failure.CUT


def test_a_malformed_event_is_an_error_after_what_was_good() -> None:
    read = events(sse(*STREAM[:3]) + b"data: {oops}\n\n" + sse(*STREAM[3:]))
    assert read[1] == ev.Reasoning(0, "hmm")
    assert isinstance(read[-1], ev.Error)
    assert read[-1].error.failure is Failure.BAD_REPLY


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b'{"id":"x","message":"too many tokens: 9"}', Failure.CONTEXT_LENGTH),
        (
            b'data: {"id":"x","message":"blocked output: please rephrase"}\n\n',
            Failure.CONTENT_FILTER,
        ),
        (b'event: error\ndata: {"message":"oops"}\n\n', Failure.SERVER),
    ],
)
def test_an_error_inside_a_200_is_told(body: bytes, failure: Failure) -> None:
    [error] = events(body)
    assert isinstance(error, ev.Error)
    assert error.error.failure is failure


def test_events_named_by_the_frame_only_are_read() -> None:
    frames = []
    for event in STREAM:
        named = {name: value for name, value in event.items() if name != "type"}
        frames.append(
            b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), orjson.dumps(named))
        )
    assert events(b"".join(frames)) == events(sse(*STREAM))
