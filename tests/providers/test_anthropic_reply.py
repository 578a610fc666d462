"""Anthropic: replies, streamed and whole."""

from typing import Any

import pytest

from gateway.types import events as ev
from gateway.types.usage import Usage
from tests.providers.anthropic_scene import (
    closed,
    completion,
    delta,
    ended,
    events,
    opened,
    sse,
    start,
    whole,
)

TOOL = {"type": "function", "function": {"name": "f.x"}}


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
