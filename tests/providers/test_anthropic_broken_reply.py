"""Anthropic: replies that fail, break off or make no sense."""

from typing import Any

import pytest

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.parse import AnthropicReply
from gateway.providers.anthropic.plan import make_plan
from gateway.types import events as ev
from gateway.wire.chat_read import read_chat
from tests.providers.anthropic_scene import (
    HI,
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
