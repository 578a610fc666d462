"""Anthropic: replies, streamed and whole."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.parse import AnthropicReply
from gateway.providers.anthropic.plan import make_plan
from gateway.types import events as ev
from gateway.types.usage import Usage
from gateway.wire.chat_read import read_chat
from tests.providers.anthropic_scene import (
    HI,
    PROVIDER,
    closed,
    completion,
    delta,
    ended,
    events,
    opened,
    sse,
    start,
    target,
    whole,
)

TOOL = {"type": "function", "function": {"name": "f.x"}}


def parser() -> AnthropicReply:
    chat = read_chat({"model": "m", "messages": HI})
    return AnthropicReply(make_plan(chat, target()), "m")


def message(data: bytes, body: dict[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = completion(data, body)["choices"][0]["message"]
    return found


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def test_a_text_stream_becomes_events_in_order() -> None:
    data = sse(
        start(usage={"input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}),
        opened(0, type="text", text=""),
        {"type": "ping"},
        delta(0, type="text_delta", text="Grü"),
        delta(0, type="text_delta", text="ß"),
        delta(0, type="text_delta", text=""),
        closed(0),
        *ended(usage={"output_tokens": 4}),
    )

    assert events(data) == [
        ev.Start("claude-x", id="msg_1", extra={"service_tier": "default"}),
        ev.Usage(Usage(input=5, output=1)),
        ev.Text(0, "Grü"),
        ev.Text(0, "ß"),
        ev.Finish(0, "stop", "end_turn"),
        ev.Usage(Usage(input=5, output=4)),
        ev.End(),
    ]


def test_calls_are_counted_by_themselves_and_keep_their_pieces() -> None:
    data = sse(
        start(),
        opened(0, type="text", text=""),
        delta(0, type="text_delta", text="so"),
        closed(0),
        opened(1, type="tool_use", id="a", name="f_x", input={}, caller={"type": "direct"}),
        delta(1, type="input_json_delta", partial_json=""),
        delta(1, type="input_json_delta", partial_json='{"x": '),
        delta(1, type="input_json_delta", partial_json="1}"),
        closed(1),
        opened(2, type="server_tool_use", id="s", name="web_search", input={}),
        delta(2, type="input_json_delta", partial_json='{"query": "q"}'),
        closed(2),
        opened(3, type="tool_use", id="b", name="g", input={}),
        delta(3, type="input_json_delta", partial_json=""),
        closed(3),
        *ended("tool_use"),
    )

    calls = [
        e for e in events(data, {"tools": [TOOL]}) if isinstance(e, ev.ToolStart | ev.ToolArgs)
    ]

    assert calls == [
        ev.ToolStart(0, 0, "a", "f.x"),
        ev.ToolArgs(0, 0, '{"x": '),
        ev.ToolArgs(0, 0, "1}"),
        ev.ToolStart(0, 1, "b", "g"),
        ev.ToolArgs(0, 1, "{}"),
    ]


def test_a_custom_tools_text_is_unwrapped() -> None:
    body = {"tools": [{"type": "custom", "custom": {"name": "sh"}}]}
    use = {"type": "tool_use", "id": "a", "name": "sh"}
    streamed = sse(
        start(),
        opened(0, **use, input={}),
        delta(0, type="input_json_delta", partial_json='{"inp'),
        delta(0, type="input_json_delta", partial_json='ut": "ls\\n"}'),
        closed(0),
        *ended("tool_use"),
    )

    for data in (streamed, whole({**use, "input": {"input": "ls\n"}}, stop_reason="tool_use")):
        [call] = message(data, body)["tool_calls"]
        assert call == {"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls\n"}}


def test_what_a_call_carries_besides_its_input_rides_on_it() -> None:
    caller = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}, "caller": caller}

    [call] = message(whole(use, stop_reason="tool_use"))["tool_calls"]

    assert call["extra_content"] == {"anthropic": {"caller": caller}}
    assert call["function"] == {"name": "f", "arguments": '{"x":1}'}


def test_integers_beyond_64_bits_are_not_rounded() -> None:
    exact = '{"wei":123456789012345678901234567890,"é":1.0}'
    block = '{"type":"tool_use","id":"a","name":"f","input":' + exact + "}"
    data = whole().replace(b'"content":[]', f'"content":[{block}]'.encode())

    [call] = message(data)["tool_calls"]

    assert call["function"]["arguments"] == exact


def test_thinking_is_readable_text_and_an_opaque_block() -> None:
    streamed = sse(
        start(),
        opened(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="h"),
        delta(0, type="thinking_delta", thinking="m"),
        delta(0, type="thinking_delta", thinking=""),
        delta(0, type="signature_delta", signature="sig"),
        closed(0),
        opened(1, type="redacted_thinking", data="secret"),
        closed(1),
        opened(2, type="thinking", thinking="", signature=""),
        delta(2, type="signature_delta", signature="only"),
        closed(2),
        opened(3, type="text", text=""),
        delta(3, type="text_delta", text="4"),
        closed(3),
        *ended(),
    )
    at_once = whole(
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "thinking", "thinking": "", "signature": "only"},
        text("4"),
    )

    for data in (streamed, at_once):
        found = message(data)
        assert found["content"] == "4"
        assert found["reasoning_content"] == "hm"
        assert found["reasoning_details"] == [
            {
                "type": "thinking",
                "text": "hm",
                "signature": "sig",
                "format": "anthropic",
                "index": 0,
            },
            {"type": "redacted", "data": "secret", "format": "anthropic", "index": 1},
            {"type": "thinking", "signature": "only", "format": "anthropic", "index": 2},
        ]
        assert "provider_content" not in found


def test_web_citations_point_into_the_whole_answer() -> None:
    cited = {
        "type": "web_search_result_location",
        "url": "https://x.example",
        "title": "X",
        "cited_text": "…",
        "encrypted_index": "e",
    }
    page = {"type": "page_location", "document_index": 0, "cited_text": "…"}
    streamed = sse(
        start(),
        opened(0, type="text", text=""),
        delta(0, type="text_delta", text="né "),
        closed(0),
        opened(1, type="text", text="", citations=[]),
        delta(1, type="citations_delta", citation=cited),
        delta(1, type="citations_delta", citation=page),
        delta(1, type="text_delta", text="here"),
        closed(1),
        *ended(),
    )
    at_once = whole(text("né "), text("here", citations=[cited, page]))

    for data in (streamed, at_once):
        found = message(data)
        assert found["content"] == "né here"
        assert found["annotations"] == [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": "https://x.example",
                    "title": "X",
                    "start_index": 3,
                    "end_index": 7,
                },
            }
        ]
        assert found["provider_content"]["content"][1]["citations"] == [cited, page]


def test_blocks_that_have_no_place_come_out_whole_and_go_back_whole() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "web_search",
            "input": {"query": "q"},
        },
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [{"title": "x"}],
        },
        {"type": "something_new", "grows": "ab", "set": 2},
        text("so"),
    ]
    streamed = sse(
        start(),
        opened(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="t"),
        delta(0, type="signature_delta", signature="s"),
        closed(0),
        opened(1, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        delta(1, type="input_json_delta", partial_json='{"query":'),
        delta(1, type="input_json_delta", partial_json=' "q"}'),
        closed(1),
        opened(2, **blocks[2]),
        closed(2),
        opened(3, type="something_new", grows="a", set=1),
        delta(3, type="something_delta", grows="b", set=2),
        closed(3),
        opened(4, type="text", text=""),
        delta(4, type="text_delta", text="so"),
        closed(4),
        *ended("pause_turn"),
    )

    for data in (streamed, whole(*blocks, stop_reason="pause_turn")):
        [choice] = completion(data)["choices"]
        assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "pause_turn")
        assert "tool_calls" not in choice["message"]
        assert choice["message"]["provider_content"] == {"format": "anthropic", "content": blocks}
        assert _sent_back(choice["message"]) == blocks


def test_a_message_the_client_has_edited_is_built_from_its_standard_members() -> None:
    blocks = [{"type": "compaction", "content": "summary"}, text("so")]
    answer = message(whole(*blocks))

    edited = {**answer, "content": "else"}

    assert _sent_back(answer) == blocks
    assert _sent_back(edited) == [text("else")]


def _sent_back(answer: dict[str, Any]) -> Any:
    chat = read_chat({"model": "m", "messages": [*HI, answer, *HI]})
    body = orjson.loads(PROVIDER.build_chat(chat, target()).body)
    return body["messages"][1]["content"]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("compaction", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("brand_new", "stop"),
        (None, "stop"),
    ],
)
def test_every_stop_reason_has_openais_word(native: str | None, reason: str) -> None:
    data = sse(start(), *ended(native))

    assert [e for e in events(data) if isinstance(e, ev.Finish)] == [ev.Finish(0, reason, native)]


def test_a_refusal_is_explained_and_what_stopped_it_is_told() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "not that"}
    data = whole(text("I"), stop_reason="refusal", stop_details=details)

    [choice] = completion(data)["choices"]

    assert choice["message"]["refusal"] == "not that"
    assert choice["message"]["content"] == "I"
    assert choice["finish_reason"] == "content_filter"
    assert choice["stop_details"] == details
    silent = completion(whole(stop_reason="refusal", stop_details={"category": None}))
    assert silent["choices"][0]["message"]["refusal"] is None


def test_the_matched_stop_sequence_and_the_container_are_told() -> None:
    data = whole(
        text("x"), stop_reason="stop_sequence", stop_sequence="END", container={"id": "c_1"}
    )

    found = completion(data)

    assert found["choices"][0]["stop_sequence"] == "END"
    assert found["container"] == {"id": "c_1"}


def test_a_refused_wish_inside_a_stream_is_an_error_event() -> None:
    data = sse(
        start(),
        opened(0, type="text", text=""),
        delta(0, type="text_delta", text="so"),
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        delta(0, type="text_delta", text="never"),
    )

    found = events(data)

    assert isinstance(found[-1], ev.Error)
    assert found[-1].error.failure is Failure.OVERLOADED
    assert found[-1].error.message == "Overloaded"
    assert ev.Text(0, "never") not in found


def test_an_error_as_json_in_a_200_is_an_error_event_too() -> None:
    body = b'{"type": "error", "error": {"type": "api_error", "message": "Boom"}}'

    [found] = events(body, {"stream": True})

    assert isinstance(found, ev.Error)
    assert found.error.failure is Failure.SERVER


def test_a_json_reply_to_a_stream_request_is_read_all_the_same() -> None:
    assert ev.Text(0, "hi") in events(whole(text("hi")), {"stream": True})


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_stream_that_ends_early_is_cut(cut: int) -> None:
    frames = (
        start(),
        opened(0, type="text", text=""),
        delta(0, type="text_delta", text="a"),
        closed(0),
        {"type": "ping"},
        *ended(),
    )
    reply = parser()
    reply.feed(sse(*frames[: cut - 1]))

    with pytest.raises(UpstreamError) as broken:
        reply.finish()

    assert broken.value.failure is Failure.CUT


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b"[]",
        b'"text"',
        b"{",
        b"{}",
        b'{"type": "message"}',
        b'{"type": "message", "content": "x"}',
        b'data: {"type": \n\n',
        b"data: 7\n\n",
        b"hello",
        b"\x00\x01",
    ],
)
def test_nonsense_is_a_bad_reply_or_a_cut_one(body: bytes) -> None:
    reply = parser()

    with pytest.raises(UpstreamError) as broken:
        [*reply.feed(body), *reply.finish()]

    assert broken.value.failure in (Failure.BAD_REPLY, Failure.CUT)
    assert body.decode() not in broken.value.message


def test_an_empty_reply_is_cut() -> None:
    with pytest.raises(UpstreamError) as broken:
        parser().finish()

    assert broken.value.failure is Failure.CUT


def test_half_a_surrogate_pair_costs_one_character_not_the_reply() -> None:
    data = sse(start(), opened(0, type="text", text=""))
    data += b'data: {"type":"content_block_delta","index":0,"delta":'
    data += b'{"type":"text_delta","text":"a\\ud83d \\ud83d\\ude00 \\\\ud83d"}}\n\n'
    data += sse(closed(0), *ended())

    assert message(data)["content"] == "a\ufffd 😀 \\ud83d"


def test_servers_that_imitate_the_format_loosely_are_understood() -> None:
    data = (
        b'event: content_block_delta\ndata: {"index":0,"delta":{"type":"text_delta","text":"a"}}\n\n'
        + sse(delta(0, type="text_delta", text="b"), *ended()[1:])
        + b"data: [DONE]\n\n"
    )

    found = completion(data)

    assert found["choices"][0]["message"]["content"] == "ab"
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["model"] == "claude-sonnet-4-5"


def test_content_after_the_end_is_ignored() -> None:
    data = sse(start(), *ended(), delta(0, type="text_delta", text="late"))

    assert events(data)[-1] == ev.End()
