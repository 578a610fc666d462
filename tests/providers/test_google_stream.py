"""Google: what a reply may be carried in, and how it may break."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.providers.google_scene import GEMINI, HI, events, fragment, sse, target, whole

PARTS = [fragment('Quo"te'), fragment("br{a]ce\\"), fragment("é😀", finish="STOP")]
TEXT = [ev.Text(0, 'Quo"te'), ev.Text(0, "br{a]ce\\"), ev.Text(0, "é😀")]


def in_pieces(data: bytes, size: int) -> list[ev.Event]:
    parser = GEMINI.open_reply(
        read_chat({"model": "m", "messages": HI}), target(), ReplyHead(200, {})
    )
    found: list[ev.Event] = []
    for start in range(0, len(data), size):
        found += parser.feed(data[start : start + size])
    return found + parser.finish()


def texts(found: list[ev.Event]) -> list[ev.Event]:
    return [event for event in found if isinstance(event, ev.Text)]


@pytest.mark.parametrize(
    "data",
    [
        sse(*PARTS),
        sse(*PARTS).replace(b"\r\n", b"\n"),
        sse(*PARTS).rstrip(),
        b"\xef\xbb\xbf\r\n" + sse(*PARTS),
        b": hello\n\n" + sse(*PARTS) + b"data: [DONE]\n\n",
        b"event: x\nid: 1\n" + sse(*PARTS),
        orjson.dumps(PARTS),
        orjson.dumps(PARTS, option=orjson.OPT_INDENT_2),
        b" \n" + orjson.dumps(PARTS).replace(b"},{", b"},\r\n{") + b"\n",
    ],
    ids=range(9),
)
def test_a_stream_is_read_whatever_carries_it_and_however_it_is_cut(data: bytes) -> None:
    found = events(data)

    assert texts(found) == TEXT
    assert found[-1] == ev.End()
    for size in (1, 2, 7, 64):
        assert in_pieces(data, size) == found


def test_members_of_an_array_are_given_out_as_they_come() -> None:
    parser = GEMINI.open_reply(
        read_chat({"model": "m", "messages": HI}), target(), ReplyHead(200, {})
    )
    data = orjson.dumps(PARTS)

    early = parser.feed(data[: data.index(b"br{")])
    assert texts(early) == TEXT[:1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \r\n",
        sse(fragment("a")),
        sse(fragment("a"), fragment("b", finish="STOP"))[:-30],
        sse(fragment("a", finish="STOP")) + b"data: {",
        orjson.dumps([fragment("a")]),
        orjson.dumps([fragment("a", finish="STOP")])[:-1],
        b"[",
        b"[]",
        whole("a")[:-1],
        b"{",
        b"{}",
        sse({"usageMetadata": {"promptTokenCount": 1}}),
        sse(fragment("a", finish="FINISH_REASON_UNSPECIFIED")),
    ],
    ids=range(14),
)
def test_a_reply_that_ends_before_its_end_is_an_error(data: bytes) -> None:
    with pytest.raises(UpstreamError) as broken:
        events(data)

    assert broken.value.failure in (Failure.CUT, Failure.BAD_REPLY)


def test_a_second_candidate_that_has_not_ended_is_a_cut() -> None:
    second = fragment("b", index=1)

    with pytest.raises(UpstreamError) as broken:
        events(sse(fragment("a", finish="STOP"), second))

    assert broken.value.failure is Failure.CUT


def test_a_web_page_is_no_answer() -> None:
    with pytest.raises(UpstreamError) as broken:
        events(b"\n<!doctype html><html></html>")

    assert broken.value.failure is Failure.BAD_REPLY


FAULT = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}


@pytest.mark.parametrize(
    "data",
    [
        sse(fragment("a"), FAULT, fragment("b", finish="STOP")),
        orjson.dumps([fragment("a"), FAULT, fragment("b", finish="STOP")]),
    ],
    ids=["events", "array"],
)
def test_an_error_in_mid_stream_ends_it_and_keeps_what_came_before(data: bytes) -> None:
    for size in (1, 50, len(data)):
        found = in_pieces(data, size)
        assert texts(found) == [ev.Text(0, "a")]
        assert isinstance(found[-1], ev.Error)
        assert found[-1].error.failure is Failure.RATE_LIMITED


@pytest.mark.parametrize("junk", [b"data: nonsense\n\n", b"data: [1]\n\n", b"data: 7\n\n"])
def test_an_event_that_makes_no_sense_is_an_error_wherever_it_is_cut(junk: bytes) -> None:
    data = sse(fragment("a")) + junk + sse(fragment("b", finish="STOP"))

    for size in (1, len(data)):
        found = in_pieces(data, size)
        assert texts(found) == [ev.Text(0, "a")]
        assert isinstance(found[-1], ev.Error)
        assert found[-1].error.failure is Failure.BAD_REPLY


def test_half_of_a_surrogate_pair_does_not_break_a_stream() -> None:
    data = sse(fragment("X", finish="STOP")).replace(b'"X"', b'"a\\ud83d"')

    assert texts(events(data)) == [ev.Text(0, "a�")]


def test_a_whole_body_may_leave_its_reason_out() -> None:
    found = events(orjson.dumps(fragment("a")))

    assert found[-2:] == [ev.Finish(0, "stop", None), ev.End()]


@pytest.mark.parametrize(
    "odd",
    [
        {"candidates": None, "usageMetadata": [], "promptFeedback": 3},
        {"candidates": [None, 1, "x"]},
        {"candidates": [{"content": None}, {"content": {"parts": None}}]},
        {"candidates": [{"content": {"parts": [None, 1, {}, {"functionCall": None}]}}]},
        {
            "candidates": [
                {"content": {"parts": [{"inlineData": {"data": "!", "mimeType": "audio/x"}}]}}
            ]
        },
        {"candidates": [{"index": "x", "finishReason": [], "groundingMetadata": 1}]},
    ],
    ids=str,
)
def test_odd_members_do_no_harm(odd: dict[str, Any]) -> None:
    found = events(sse(odd, fragment("a", finish="STOP")))

    assert texts(found) == [ev.Text(0, "a")]
    assert found[-1] == ev.End()
