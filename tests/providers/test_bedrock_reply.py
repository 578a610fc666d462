"""Bedrock: replies, streamed and in one piece."""

import base64
from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.types.usage import Usage
from tests.providers.bedrock_scene import (
    CLAUDE,
    NOVA,
    START,
    USAGE,
    closed,
    completion,
    delta,
    events,
    frame,
    message,
    metadata,
    opened,
    parsed,
    raw_frame,
    stopped,
    string_header,
    whole,
)

SAID = START + delta(0, text="Hel") + delta(0, text="lo") + closed(0) + stopped()
COUNTED = ev.Usage(Usage(input=3, output=2))


def failure_of(data: bytes) -> Failure:
    with pytest.raises(UpstreamError) as broken:
        events(data)
    return broken.value.failure


def test_text_comes_without_an_opening_and_usage_after_the_end() -> None:
    assert events(SAID + metadata()) == [
        ev.Start(CLAUDE, id="r-1"),
        ev.Text(0, "Hel"),
        ev.Text(0, "lo"),
        ev.Finish(0, "stop", "end_turn"),
        COUNTED,
        ev.End(),
    ]


def test_a_reply_in_one_piece_says_the_same() -> None:
    assert completion(whole({"text": "Hello"})) == completion(SAID + metadata())


def test_the_end_waits_for_the_usage() -> None:
    [first, last] = [SAID, metadata()]
    found = parsed([first])
    with_usage = parsed([first, last])

    assert found[-1] == ev.End()
    assert not any(isinstance(event, ev.Usage) for event in found)
    assert with_usage[-2:] == [COUNTED, ev.End()]
    assert with_usage.count(ev.End()) == 1


def test_nothing_is_read_after_the_end() -> None:
    assert events(SAID + metadata() + b"garbage that is no frame") == events(SAID + metadata())
    assert parsed([SAID + metadata(), b"more", SAID]) == events(SAID + metadata())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        START,
        START + delta(0, text="a"),
        START + delta(0, text="a") + closed(0),
        SAID[:-1],
        START[:-5],
        SAID + metadata()[:-3],
        SAID + metadata()[:5],
        START + delta(0, text="a") + metadata(),
    ],
)
def test_a_reply_that_ends_before_its_end_was_cut(data: bytes) -> None:
    assert failure_of(data) is Failure.CUT


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"output":',
        b"[]",
        b"<html>",
        b"null",
        b"{}",
        b'{"output":{}}',
        b'{"output":{"message":{"content":"x"}}}',
        raw_frame(string_header(":event-type", "messageStart"), b"no json"),
        raw_frame(string_header(":event-type", "messageStart"), b"[1]"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    assert failure_of(data) is Failure.BAD_REPLY


def test_a_damaged_frame_ends_the_reply() -> None:
    damaged = bytearray(SAID)
    damaged[len(START) + 40] ^= 1

    assert failure_of(bytes(damaged)) is Failure.BAD_REPLY


def test_unknown_events_blocks_and_deltas_are_no_error() -> None:
    data = (
        START
        + frame("somethingNew", {"x": 1})
        + opened(0, hologram={"a": 1})
        + delta(0, sparkle="x")
        + closed(0)
        + delta(1, text="hi", sparkle=1)
        + stopped()
        + metadata()
    )

    assert message(data)["content"] == "hi"
    assert message(whole({"hologram": {"a": 1}}, {"text": "hi"}))["content"] == "hi"


def test_members_of_odd_shapes_are_no_error() -> None:
    odd: list[Any] = [None, 1, "x", [], {}, {"text": None}, {"toolUse": 3}]
    data = START + b"".join(
        frame(kind, {"contentBlockIndex": place, "delta": value, "start": value})
        for kind in ("contentBlockStart", "contentBlockDelta", "contentBlockStop")
        for place, value in enumerate(odd)
    )
    found = message(data + delta(9, text="ok") + stopped() + metadata())

    assert found["content"] == "ok"


def test_what_is_said_twice_or_not_at_all_adds_nothing() -> None:
    data = (
        START
        + opened(0, image={"format": "png"})
        + delta(0, image={"error": {"message": "no"}})
        + delta(1, reasoningContent={"redactedContent": "no base64!"})
        + delta(2, text="ok")
        + stopped()
        + stopped("max_tokens")
        + metadata()
    )
    found = completion(data)["choices"][0]

    assert found["finish_reason"] == "stop"
    assert found["message"] == {"role": "assistant", "content": "ok", "refusal": None}


def test_an_empty_text_first_is_no_block() -> None:
    data = (
        START
        + delta(0, text="")
        + closed(0)
        + delta(1, reasoningContent={"text": "hm"})
        + closed(1)
        + delta(2, text="yes")
        + closed(2)
        + stopped()
        + metadata()
    )
    found = message(data)

    assert (found["content"], found["reasoning_content"]) == ("yes", "hm")
    assert "provider_content" not in found


def test_thinking_is_told_as_text_and_with_its_proof() -> None:
    data = (
        START
        + delta(0, reasoningContent={"text": "one "})
        + delta(0, reasoningContent={"text": "two"})
        + delta(0, reasoningContent={"signature": "sig"})
        + closed(0)
        + delta(1, text="so")
        + stopped()
        + metadata()
    )
    thought = {"reasoningContent": {"reasoningText": {"text": "one two", "signature": "sig"}}}

    assert [e for e in events(data) if isinstance(e, ev.Reasoning | ev.ReasoningOpaque)] == [
        ev.Reasoning(0, "one "),
        ev.Reasoning(0, "two"),
        ev.ReasoningOpaque(
            0,
            {
                "type": "thinking",
                "text": "one two",
                "signature": "sig",
                "format": "bedrock",
                "index": 0,
            },
        ),
    ]
    assert message(data) == message(whole(thought, {"text": "so"}))


def test_thinking_without_a_proof_is_text_only() -> None:
    found = message(whole({"reasoningContent": {"reasoningText": {"text": "t"}}}, {"text": "a"}))

    assert found["reasoning_content"] == "t"
    assert "reasoning_details" not in found


def test_redacted_thinking_in_pieces_is_one_blob() -> None:
    pieces = [base64.b64encode(part).decode() for part in (b"abcd", b"ef")]
    data = START + b"".join(delta(0, reasoningContent={"redactedContent": p}) for p in pieces)
    data += closed(0) + delta(1, text="a") + stopped() + metadata()
    blob = base64.b64encode(b"abcdef").decode()
    at_once = whole({"reasoningContent": {"redactedContent": blob}}, {"text": "a"})

    assert message(data)["reasoning_details"] == [
        {"type": "redacted", "data": blob, "format": "bedrock", "index": 0}
    ]
    assert message(data) == message(at_once)


def test_two_thoughts_have_two_numbers() -> None:
    thoughts = [
        {"reasoningContent": {"reasoningText": {"text": str(n), "signature": f"s{n}"}}}
        for n in range(2)
    ]
    found = message(whole(*thoughts, {"text": "a"}))

    assert [detail["index"] for detail in found["reasoning_details"]] == [0, 1]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filtered", "content_filter"),
        ("guardrail_intervened", "content_filter"),
        ("malformed_model_output", "stop"),
        ("malformed_tool_use", "stop"),
        ("tool_use", "stop"),
        ("something_new", "stop"),
    ],
)
def test_why_it_stopped_in_openais_words(native: str, reason: str) -> None:
    [choice] = completion(whole({"text": "a"}, stop=native))["choices"]

    assert choice["finish_reason"] == reason
    assert choice["native_finish_reason"] == native


@pytest.mark.parametrize("native", ["tool_use", "end_turn"])
def test_calls_decide_how_a_turn_ended(native: str) -> None:
    use = {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}
    [choice] = completion(whole(use, stop=native))["choices"]

    assert choice["finish_reason"] == "tool_calls"
    cut = completion(whole(use, stop="max_tokens"))["choices"][0]
    assert cut["finish_reason"] == "length"


@pytest.mark.parametrize("native", ["malformed_model_output", "malformed_tool_use"])
def test_malformed_output_of_which_nothing_is_left_is_an_error(native: str) -> None:
    for data in (START + stopped(native) + metadata(), whole(stop=native)):
        [*_, last] = events(data)
        assert isinstance(last, ev.Error)
        assert last.error.failure is Failure.SERVER
        assert last.error.code == native


def test_calls_keep_numbers_that_others_round() -> None:
    raw = whole(
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"n": 0}}}, stop="tool_use"
    ).replace(b'{"n":0}', b'{"n":123456789012345678901234567890}')
    [call] = message(raw)["tool_calls"]

    assert call["function"]["arguments"] == '{"n":123456789012345678901234567890}'


def test_a_call_opened_twice_at_one_index_is_two_calls() -> None:
    data = (
        START
        + opened(0, toolUse={"toolUseId": "x", "name": "f"})
        + delta(0, toolUse={"input": '{"a":1}'})
        + opened(0, toolUse={"toolUseId": "y", "name": "g"})
        + closed(0)
        + stopped("tool_use")
        + metadata()
    )
    calls = message(data)["tool_calls"]

    assert [(c["id"], c["function"]["arguments"]) for c in calls] == [("x", '{"a":1}'), ("y", "{}")]
    ends = [e for e in events(data) if isinstance(e, ev.ToolStart | ev.ToolEnd)]
    assert ends == [
        ev.ToolStart(0, 0, "x", "f"),
        ev.ToolEnd(0, 0),
        ev.ToolStart(0, 1, "y", "g"),
        ev.ToolEnd(0, 1),
    ]


def test_blocks_that_were_never_closed_are_closed_at_the_end() -> None:
    data = START + opened(0, toolUse={"toolUseId": "x", "name": "f"}) + stopped("tool_use")

    assert events(data)[-3:] == [
        ev.ToolEnd(0, 0),
        ev.Finish(0, "tool_calls", "tool_use"),
        ev.End(),
    ]


def test_a_web_page_is_cited_where_its_text_stands() -> None:
    page = {"location": {"web": {"url": "https://x.test/a", "domain": "x.test"}}}
    streamed = (
        START
        + delta(0, text="See ")
        + closed(0)
        + delta(1, citation=page)
        + delta(1, text="this")
        + closed(1)
        + delta(2, citation={**page, "title": "T"})
        + closed(2)
        + stopped()
        + metadata()
    )
    cited = {"citationsContent": {"content": [{"text": "this"}], "citations": [page]}}
    bare = {"citationsContent": {"citations": [{**page, "title": "T"}]}}
    found = message(streamed, to=NOVA)

    assert found["content"] == "See this"
    assert [note["url_citation"] for note in found["annotations"]] == [
        {"url": "https://x.test/a", "title": "x.test", "start_index": 4, "end_index": 8},
        {"url": "https://x.test/a", "title": "T", "start_index": 8, "end_index": 8},
    ]
    assert found["provider_content"] == {
        "format": "bedrock",
        "model": NOVA,
        "content": [{"text": "See "}, cited, bare],
    }
    assert found == message(whole({"text": "See "}, cited, bare), to=NOVA)


def test_citations_of_documents_are_in_the_native_content() -> None:
    cited = {
        "citationsContent": {
            "content": [{"text": "20 days"}],
            "citations": [{"title": "t", "location": {"documentPage": {"documentIndex": 0}}}],
        }
    }
    found = message(whole(cited))

    assert found["content"] == "20 days"
    assert "annotations" not in found
    assert found["provider_content"]["content"] == [cited]


def test_tools_that_ran_at_aws_are_no_calls() -> None:
    use = {"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use"}
    streamed = (
        START
        + opened(0, toolUse=use)
        + delta(0, toolUse={"input": '{"query":"x"}'})
        + closed(0)
        + opened(1, toolResult={"toolUseId": "s", "type": "r", "status": "success"})
        + delta(1, toolResult=[{"text": "[HIDDEN]"}])
        + closed(1)
        + delta(2, text="a")
        + closed(2)
        + stopped()
        + metadata()
    )
    result = {
        "toolUseId": "s",
        "type": "r",
        "status": "success",
        "content": [{"text": "[HIDDEN]"}],
    }
    at_once = whole(
        {"toolUse": {**use, "input": {"query": "x"}}}, {"toolResult": result}, {"text": "a"}
    )
    found = completion(streamed, to=NOVA)

    assert "tool_calls" not in found["choices"][0]["message"]
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found == completion(at_once, to=NOVA)


def test_a_generated_image_is_given_out() -> None:
    streamed = (
        START
        + opened(0, image={"format": "png"})
        + delta(0, image={"source": {"bytes": "AAAA"}})
        + closed(0)
        + stopped()
        + metadata()
    )
    at_once = whole({"image": {"format": "png", "source": {"bytes": "AAAA"}}})

    assert message(streamed)["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    ]
    assert message(streamed) == message(at_once)


def test_what_openai_has_no_word_for_is_passed_on() -> None:
    late: dict[str, Any] = {
        "serviceTier": {"type": "flex"},
        "performanceConfig": {"latency": "optimized"},
        "trace": {"guardrail": {"actionReason": "No action."}},
        "usage": {**USAGE, "serverToolUsage": {"searches": 2}},
    }
    fields: dict[str, Any] = {"additionalModelResponseFields": {"stop_sequence": "X"}}
    streamed = completion(
        START + delta(0, text="a") + closed(0) + stopped(**fields) + metadata(**late)
    )
    at_once = completion(whole({"text": "a"}, **fields, **late))

    assert streamed == at_once
    assert streamed["service_tier"] == "flex"
    assert streamed["performanceConfig"] == {"latency": "optimized"}
    assert streamed["trace"] == late["trace"]
    assert streamed["additionalModelResponseFields"] == {"stop_sequence": "X"}
    assert streamed["server_tool_use"] == {"searches": 2}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, Usage(input=3, output=2)),
        (
            {
                "inputTokens": 2,
                "outputTokens": 5,
                "cacheReadInputTokens": 1322,
                "cacheReadInputTokenCount": 7,
                "cacheWriteInputTokens": 0,
                "totalTokens": 1329,
            },
            Usage(input=2, cache_read=1322, output=5),
        ),
        (
            {
                "inputTokens": 1,
                "outputTokens": 1,
                "cacheWriteInputTokens": 100,
                "cacheDetails": [
                    {"ttl": "1h", "inputTokens": 60},
                    {"ttl": "5m", "inputTokens": 40},
                ],
            },
            Usage(input=1, cache_write=40, cache_write_1h=60, output=1),
        ),
        (
            {"inputTokens": 1.0, "outputTokens": 0.0, "cacheReadInputTokens": -1},
            Usage(input=1),
        ),
    ],
)
def test_tokens_are_counted_in_buckets_that_do_not_overlap(
    usage: dict[str, Any], expected: Usage
) -> None:
    found = [e.usage for e in events(SAID + metadata(usage=usage)) if isinstance(e, ev.Usage)]

    assert found == [expected]


@pytest.mark.parametrize("usage", [None, {}, [], "x"])
def test_no_usage_is_not_zero_usage(usage: Any) -> None:
    found = events(SAID + metadata(usage=usage))

    assert not any(isinstance(event, ev.Usage) for event in found)
    assert found[-1] == ev.End()


@pytest.mark.parametrize(
    ("kind", "payload", "failure"),
    [
        ("throttlingException", {"message": "Too many requests"}, Failure.RATE_LIMITED),
        ("throttlingException", {"message": "Too many tokens per day"}, Failure.QUOTA),
        ("serviceUnavailableException", {"message": "x"}, Failure.OVERLOADED),
        ("internalServerException", {"message": "x"}, Failure.SERVER),
        ("validationException", {"message": "x"}, Failure.BAD_REQUEST),
        (
            "validationException",
            {"message": "Input is too long for requested model."},
            Failure.CONTEXT_LENGTH,
        ),
        ("modelStreamErrorException", {"message": "x"}, Failure.SERVER),
        (
            "modelStreamErrorException",
            {"originalMessage": "x", "originalStatusCode": 503},
            Failure.OVERLOADED,
        ),
        ("somethingNewException", {"message": "x"}, Failure.SERVER),
    ],
)
def test_an_exception_in_a_stream_is_an_error_of_its_class(
    kind: str, payload: dict[str, Any], failure: Failure
) -> None:
    for before in (b"", START, START + delta(0, text="a"), SAID):
        [*_, last] = events(before + frame(kind, payload, "exception"))
        assert isinstance(last, ev.Error)
        assert last.error.failure is failure
        said = payload.get("message") or payload["originalMessage"]
        assert last.error.message == said
    assert not any(isinstance(event, ev.End) for event in events(frame(kind, payload, "exception")))


def test_an_error_that_is_not_in_the_model_has_its_words_in_the_headers() -> None:
    headers = (
        string_header(":message-type", "error")
        + string_header(":error-code", "InternalFailure")
        + string_header(":error-message", "It broke.")
    )
    [*_, last] = events(START + raw_frame(headers, b""))

    assert isinstance(last, ev.Error)
    assert (last.error.failure, last.error.message) == (Failure.SERVER, "It broke.")


def test_an_error_body_in_a_200_is_an_error() -> None:
    body = {"__type": "com.amazon.coral#ThrottlingException", "message": "slow down"}
    [last] = events(orjson.dumps(body))

    assert isinstance(last, ev.Error)
    assert last.error.failure is Failure.RATE_LIMITED


def test_a_reply_is_read_alike_byte_by_byte() -> None:
    for data in (SAID + metadata(), whole({"text": "gr\u00fcn"}), b"\n " + whole({"text": "a"})):
        assert parsed([data[n : n + 1] for n in range(len(data))]) == events(data)
