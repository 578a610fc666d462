from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import StreamWriter
from tests.providers.mistral_scene import (
    DONE,
    HI,
    ROLE,
    USAGE,
    body,
    chunk,
    completion,
    events,
)

CALL = {"id": "D681PevKs", "function": {"name": "f", "arguments": '{"a": 1}'}, "index": 0}


def thinking(*texts: str, **members: Any) -> dict[str, Any]:
    inner = [{"type": "text", "text": text} for text in texts]
    return {"type": "thinking", "thinking": inner, **members}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def streamed(pieces: list[bytes], **members: Any) -> list[dict[str, Any]]:
    chat = read_chat({"messages": [HI], "stream": True, **members})
    writer = StreamWriter(chat, id="own", created=1, model="m", usage_wanted=True)
    told = b"".join(writer.write(event) for event in events(pieces, stream=True, **members))
    lines = [line[6:] for line in told.splitlines() if line.startswith(b"data: {")]
    return [orjson.loads(line) for line in lines]


def test_a_call_without_a_type_and_with_empty_content_is_put_right() -> None:
    reply = body({"content": "", "tool_calls": [CALL]}, "tool_calls")
    message = completion(reply)["choices"][0]["message"]
    assert message["content"] is None
    function = {"name": "f", "arguments": '{"a": 1}'}
    assert message["tool_calls"] == [{"id": "D681PevKs", "type": "function", "function": function}]


def test_empty_content_beside_complete_calls_becomes_null_too() -> None:
    reply = body({"content": "", "tool_calls": [{**CALL, "type": "function"}]}, "tool_calls")
    assert completion(reply)["choices"][0]["message"]["content"] is None
    spoken = body({"content": "a", "tool_calls": [{**CALL, "type": "function"}]}, "tool_calls")
    assert completion(spoken)["choices"][0]["message"]["content"] == "a"


def test_arguments_that_came_as_an_object_become_text() -> None:
    as_object = {**CALL, "function": {"name": "f", "arguments": {"a": 1}}}
    message = completion(body({"content": "", "tool_calls": [as_object]}))["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


def test_a_null_list_of_calls_says_nothing() -> None:
    message = completion(body({"content": "a"}))["choices"][0]["message"]
    assert message["content"] == "a"
    assert not message.get("tool_calls")


def test_thoughts_in_a_list_become_reasoning() -> None:
    message = completion(body({"content": [thinking("a", "b"), said("c")]}))["choices"][0][
        "message"
    ]
    assert (message["reasoning_content"], message["content"]) == ("ab", "c")
    assert "content_parts" not in message


def test_a_signature_is_kept_as_a_detail_that_goes_back() -> None:
    message = completion(body({"content": [thinking("a", signature="s"), said("c")]}))["choices"][
        0
    ]["message"]
    assert message["reasoning_content"] == "a"
    assert message["reasoning_details"] == [
        {"type": "thinking", "signature": "s", "format": "mistral", "index": 0}
    ]


STREAM = [
    ROLE,
    chunk({"content": ""}, p="abc"),
    chunk({"content": [thinking("Ok")]}, p="abcd"),
    chunk({"content": [thinking("ay")]}, p="a"),
    chunk({"content": [thinking(closed=True)]}, p="ab"),
    chunk({"content": "2+2"}, p="abcdefgh"),
    chunk({"content": " is 4"}, p="ab"),
    chunk({"content": ""}, "stop", usage=USAGE, p="abcd"),
    DONE,
]


def test_a_stream_of_thoughts_then_text_is_told_in_openais_order() -> None:
    told = streamed(STREAM)
    deltas = [choice["delta"] for c in told for choice in c["choices"]]
    assert "".join(d.get("reasoning_content") or "" for d in deltas) == "Okay"
    assert "".join(d.get("content") or "" for d in deltas) == "2+2 is 4"
    assert [c["finish_reason"] for chunk_ in told for c in chunk_["choices"]][-1] == "stop"
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["total_tokens"] == 13
    assert not any("p" in c for c in told)


def test_a_stream_reads_the_same_at_every_split() -> None:
    whole = b"".join(STREAM)
    told = streamed([whole])
    assert streamed([whole[n : n + 1] for n in range(len(whole))]) == told
    assert streamed(STREAM) == told
    assert streamed([whole.replace(b"\n", b"\r\n")]) == told
    assert streamed([whole.rstrip()]) == told


def test_plain_chunks_pass_byte_for_byte() -> None:
    plain = [ROLE, chunk({"content": "Hi"}), chunk({"content": " you"})]
    found = events([*plain, chunk({"content": ""}, "stop"), DONE], stream=True)
    passed = b"".join(event.data for event in found if isinstance(event, ev.Verbatim))
    assert passed.startswith(b"".join(plain))


def test_a_call_that_comes_whole_in_one_delta_is_told_as_openai_does() -> None:
    delta = {"content": None, "tool_calls": [{"id": "abc", "function": CALL["function"]}]}
    told = streamed([ROLE, chunk(delta, "tool_calls", usage=USAGE), DONE])
    calls = [
        c for chunk_ in told for ch in chunk_["choices"] for c in ch["delta"].get("tool_calls", ())
    ]
    assert [c["index"] for c in calls] == [0] * len(calls)
    assert (calls[0]["id"], calls[0]["type"]) == ("abc", "function")
    assert "".join(c["function"]["arguments"] for c in calls) == '{"a": 1}'


@pytest.mark.parametrize(
    ("usage", "cached"),
    [
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}, 4),
        ({**USAGE, "num_cached_tokens": 4}, 4),
        ({**USAGE, "num_cached_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}, 4),
        ({**USAGE, "prompt_tokens_details": None}, 0),
        (USAGE, 0),
    ],
)
def test_cached_tokens_are_read_in_either_spelling(usage: Any, cached: int) -> None:
    for found in (
        events([body({"content": "a"}, usage=usage)]),
        events([ROLE, chunk({"content": "a"}, "stop", usage=usage), DONE], stream=True),
    ):
        [told] = [event for event in found if isinstance(event, ev.Usage)]
        assert (told.usage.cache_read, told.usage.input) == (cached, 10 - cached)


@pytest.mark.parametrize(
    ("native", "reason"),
    [("stop", "stop"), ("length", "length"), ("model_length", "length")],
)
def test_every_end_has_its_reason(native: str, reason: str) -> None:
    assert completion(body({"content": "a"}, native))["choices"][0]["finish_reason"] == reason


def test_an_answer_that_ended_in_error_is_one() -> None:
    with pytest.raises(UpstreamError) as broken:
        events([body({"content": ""}, "error")])
    assert broken.value.failure is Failure.SERVER
    found = events([ROLE, chunk({"content": "a"}), chunk({"content": ""}, "error")], stream=True)
    assert isinstance(found[-1], ev.Error)


def test_an_error_inside_a_stream_is_told() -> None:
    error = b'data: {"object":"error","message":"oops","type":"internal","code":1000}\n\n'
    found = events([ROLE, chunk({"content": "a"}), error], stream=True)
    assert isinstance(found[-1], ev.Error)
    assert found[-1].error.message == "oops"


SOURCES = {"3": {"url": "https://e.org", "title": "E"}, "4": {"title": "no address"}}
CITING: list[dict[str, Any]] = [
    HI,
    {"role": "assistant", "tool_calls": [{**CALL, "type": "function"}]},
    {"role": "tool", "tool_call_id": "D681PevKs", "content": orjson.dumps(SOURCES).decode()},
]


def cite(*ids: Any) -> dict[str, Any]:
    return {"type": "reference", "reference_ids": list(ids)}


def test_a_reference_to_a_known_source_is_an_annotation_of_the_text_before_it() -> None:
    parts = [said("Hi "), said("there"), cite(3), said("!"), cite("3"), cite(4), cite(9)]
    message = completion(body({"content": parts}), messages=CITING)["choices"][0]["message"]
    assert message["content"] == "Hi there!"
    notes = [note["url_citation"] for note in message["annotations"]]
    assert [(n["url"], n["title"], n["start_index"], n["end_index"]) for n in notes] == [
        ("https://e.org", "E", 0, 8),
        ("https://e.org", "E", 8, 9),
    ]
    assert message["content_parts"] == [cite(4), cite(9)]


def test_references_in_a_stream_point_at_the_same_places() -> None:
    told = streamed(
        [
            ROLE,
            chunk({"content": "Hi "}),
            chunk({"content": "there"}),
            chunk({"content": [cite(3)]}),
            chunk({"content": "!"}),
            chunk({"content": [cite(3)]}),
            chunk({"content": ""}, "stop", usage=USAGE),
            DONE,
        ],
        messages=CITING,
    )
    deltas = [choice["delta"] for c in told for choice in c["choices"]]
    notes = [note["url_citation"] for d in deltas for note in d.get("annotations") or ()]
    assert [(n["start_index"], n["end_index"]) for n in notes] == [(0, 8), (8, 9)]
    assert "".join(d.get("content") or "" for d in deltas) == "Hi there!"


def test_a_page_that_mistrals_own_tool_has_read_names_its_address_itself() -> None:
    page = {"type": "tool_reference", "tool": "web_search", "title": "T", "url": "https://t.org"}
    tools = [{"type": "connector", "connector_id": "web"}]
    reply = body({"content": [said("Hi"), page]})
    message = completion(reply, tools=tools)["choices"][0]["message"]
    [note] = message["annotations"]
    assert note["url_citation"] == {
        "url": "https://t.org",
        "title": "T",
        "start_index": 0,
        "end_index": 2,
    }


@pytest.mark.parametrize("data", [b"", b"  ", b"<html>", b"{}", b'{"choices": []}', b'{"cho'])
def test_what_is_no_answer_is_a_bad_reply(data: bytes) -> None:
    with pytest.raises(UpstreamError) as broken:
        events([data])
    assert broken.value.failure is Failure.BAD_REPLY


def test_a_stream_that_stops_is_cut() -> None:
    for count in range(1, len(STREAM) - 1):
        with pytest.raises(UpstreamError) as broken:
            events(STREAM[:count], stream=True)
        assert broken.value.failure is Failure.CUT


def test_an_event_too_large_to_hold_is_an_error_after_what_was_good() -> None:
    found = events([ROLE, chunk({"content": "a"}), b"data: " + b"x" * 1_100_000], stream=True)
    assert isinstance(found[-1], ev.Error)
    assert found[-1].error.failure is Failure.BAD_REPLY
