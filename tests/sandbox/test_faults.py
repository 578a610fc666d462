"""Scenes that go wrong on the wire, in both formats, and what the books say of them."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from gateway.sandbox.server import RunningSandbox
from tests.sandbox.talking import (
    ANTHROPIC,
    OPENAI,
    chat,
    chat_text,
    ended_row,
    message,
    message_text,
    read_sse,
    row,
)

BOTH = pytest.mark.parametrize(("path", "ask"), [(OPENAI, chat), (ANTHROPIC, message)])
Ask = Callable[..., dict[str, Any]]


def _take(reply: httpx.Response, into: list[bytes]) -> None:
    into.extend(reply.iter_raw())


def _take_events(pieces: Iterator[bytes], wanted: int) -> list[tuple[str, Any]]:
    """Read a stream until so many events have come; the caller keeps the iterator, and so the stream."""
    said = b""
    while said.count(b"\n\n") < wanted:
        said += next(pieces)
    return read_sse(said.decode())


def _read_until_broken(http: httpx.Client, path: str, request: dict[str, Any]) -> str:
    """Return what a stream said before the connection was closed without an end."""
    said: list[bytes] = []
    with http.stream("POST", path, json=request) as reply:
        assert reply.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            _take(reply, said)
    return b"".join(said).decode()


@BOTH
@pytest.mark.parametrize("events", [0, 1, 2, 4, 9])
def test_a_cut_sends_exactly_so_many_events(
    http: httpx.Client, path: str, ask: Ask, events: int
) -> None:
    said = _read_until_broken(http, path, ask(f"sandbox-cut-{events}", stream=True))
    assert len(read_sse(said)) == events
    booked = row(http)
    assert (booked["chunks"], booked["completed"], booked["status"]) == (events, False, 200)
    # Words 1 to 9 cost a token each. OpenAI opens with one event, Anthropic with three.
    opening = 1 if path == OPENAI else 3
    assert booked["output"] == max(0, events - opening)


@BOTH
def test_a_cut_whole_reply_stops_at_half_its_length(
    http: httpx.Client, path: str, ask: Ask
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(path, json=ask("sandbox-cut-1"))
    assert row(http)["completed"] is False


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_says_nothing_until_the_client_leaves(
    http: httpx.Client, path: str, ask: Ask, stream: bool
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(path, json=ask("sandbox-hang", stream=stream), timeout=0.3)
    booked = ended_row(http)
    assert (booked["status"], booked["completed"], booked["input"]) == (None, False, 0)


@BOTH
@pytest.mark.parametrize("model", ["sandbox-tool+hang-after-2", "sandbox-hang-after-2"])
def test_a_hang_in_a_stream_says_no_more(
    http: httpx.Client, path: str, ask: Ask, model: str
) -> None:
    with http.stream("POST", path, json=ask(model, stream=True)) as reply:
        pieces = reply.iter_raw()
        assert len(_take_events(pieces, 2)) == 2
        assert row(http)["ended"] is None
    booked = ended_row(http)
    assert (booked["chunks"], booked["status"], booked["completed"]) == (2, 200, False)


@BOTH
def test_a_whole_reply_can_hang_half_way(http: httpx.Client, path: str, ask: Ask) -> None:
    with http.stream("POST", path, json=ask("sandbox-hang-after-1")) as reply:
        assert reply.status_code == 200
        half = next(reply.iter_raw())
        assert 0 < len(half) < int(reply.headers["content-length"])
    assert ended_row(http)["completed"] is False


def test_a_hang_can_happen_once(http: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(OPENAI, json=chat("sandbox-hang-once"), timeout=0.3)
    assert http.post(OPENAI, json=chat("sandbox-hang-once")).status_code == 200


@BOTH
def test_a_drop_closes_the_connection_with_nothing_sent(
    http: httpx.Client, path: str, ask: Ask
) -> None:
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        http.post(path, json=ask("sandbox-drop"))
    assert row(http)["status"] is None


@BOTH
def test_a_malformed_event_has_the_others_around_it(
    http: httpx.Client, path: str, ask: Ask
) -> None:
    events = read_sse(http.post(path, json=ask("sandbox-malformed", stream=True)).text)
    broken = [at for at, (_, data) in enumerate(events) if isinstance(data, str)]
    assert broken[0] == 5
    rest = [event for event in events if not isinstance(event[1], str)]
    said = chat_text(rest) if path == OPENAI else message_text(rest)
    assert said == " ".join(str(number) for number in range(1, 21))
    with pytest.raises(json.JSONDecodeError):
        http.post(path, json=ask("sandbox-malformed")).json()


@BOTH
def test_an_error_in_a_stream_is_its_last_event(http: httpx.Client, path: str, ask: Ask) -> None:
    reply = http.post(path, json=ask("sandbox-error-mid-stream", stream=True))
    assert reply.status_code == 200
    events = read_sse(reply.text)
    assert len(events) == 6
    assert events[-1][1]["error"]["message"]
    assert row(http)["completed"] is False
    assert http.post(path, json=ask("sandbox-error-mid-stream")).status_code == 500


def test_the_official_client_raises_on_an_error_in_a_stream(sdk: openai.OpenAI) -> None:
    hello: Any = [{"role": "user", "content": "hi"}]
    stream = sdk.chat.completions.create(
        model="sandbox-error-mid-stream-3", messages=hello, stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)


@BOTH
@pytest.mark.parametrize(("model", "status"), [("sandbox-html", 502), ("sandbox-html-200", 200)])
def test_a_web_page_comes_instead(
    http: httpx.Client, path: str, ask: Ask, model: str, status: int
) -> None:
    reply = http.post(path, json=ask(model))
    assert (reply.status_code, reply.headers["content-type"]) == (
        status,
        "text/html; charset=UTF-8",
    )
    assert reply.text.startswith("<html>")
    assert row(http)["input"] == 0


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_body_is_empty(http: httpx.Client, path: str, ask: Ask, stream: bool) -> None:
    reply = http.post(path, json=ask("sandbox-empty", stream=stream))
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-type"].startswith("text/event" if stream else "application/json")


@BOTH
@pytest.mark.parametrize("stream", [False, True])
def test_usage_can_be_missing_everywhere(
    http: httpx.Client, path: str, ask: Ask, stream: bool
) -> None:
    reply = http.post(path, json=ask("sandbox-no-usage", stream=stream))
    assert '"usage"' not in reply.text
    assert row(http)["output"] > 0


@BOTH
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("modifier", "least"), [("late-200", 0.2), ("quiet-200", 0.2), ("slow-20", 0.1)]
)
def test_delays_take_their_time_and_do_no_harm(
    http: httpx.Client, path: str, ask: Ask, stream: bool, modifier: str, least: float
) -> None:
    began = time.monotonic()
    http.post(path, json=ask(f"sandbox-long-6+{modifier}", stream=stream))
    assert time.monotonic() - began >= least
    booked = row(http)
    assert (booked["completed"], booked["output"]) == (True, 6)


@BOTH
@pytest.mark.parametrize(("modifier", "events"), [("quiet", 0), ("slow", 1)])
def test_some_delays_come_behind_the_headers(
    http: httpx.Client, path: str, ask: Ask, modifier: str, events: int
) -> None:
    request = ask(f"sandbox-long+{modifier}-60000", stream=True)
    with http.stream("POST", path, json=request) as reply:
        pieces = reply.iter_raw()
        _take_events(pieces, events)
        booked = row(http)
        assert (booked["status"], booked["chunks"], booked["ended"]) == (200, events, None)
    assert ended_row(http)["completed"] is False


@BOTH
@pytest.mark.parametrize(
    ("model", "stream"),
    [("late-60000", True), ("late-60000", False), ("quiet-60000", False), ("slow-60000", False)],
)
def test_other_delays_come_before_them(
    http: httpx.Client, path: str, ask: Ask, model: str, stream: bool
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(path, json=ask(f"sandbox-{model}", stream=stream), timeout=0.3)
    assert ended_row(http)["status"] is None


@BOTH
def test_a_client_that_leaves_is_sold_what_was_sent(
    http: httpx.Client, path: str, ask: Ask
) -> None:
    seen = 0
    with http.stream("POST", path, json=ask("sandbox-long-5000+slow-5", stream=True)) as reply:
        for piece in reply.iter_raw():
            seen += piece.count(b"\n\n")
            if seen >= 10:
                break
    booked = ended_row(http)
    assert booked["completed"] is False
    assert 10 <= booked["chunks"] < 1000
    assert 0 < booked["output"] < 1000


@BOTH
def test_a_client_that_does_not_wait_for_a_whole_reply_is_seen(
    http: httpx.Client, path: str, ask: Ask
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(path, json=ask("sandbox-long-5000+slow-5"), timeout=0.3)
    booked = ended_row(http)
    assert (booked["completed"], booked["status"]) == (False, None)


def test_modifiers_add_up_and_fit_any_model(http: httpx.Client) -> None:
    request = chat("gpt-4o-mini+slow-1+cut-3", stream=True)
    said = _read_until_broken(http, OPENAI, request)
    assert chat_text(read_sse(said)) == "Echo: hello"
    assert http.post(OPENAI, json=chat("sandbox-echo+typo")).status_code == 404


def test_a_fault_behind_the_end_does_not_happen(http: httpx.Client) -> None:
    events = read_sse(http.post(OPENAI, json=chat("sandbox-echo+cut-99", stream=True)).text)
    assert events[-1][1] == "[DONE]"
    assert row(http)["completed"] is True


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /openai HTTP/9\r\n\r\n",
    ],
)
def test_bytes_that_are_no_http_get_a_400(sandbox: RunningSandbox, garbage: bytes) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(garbage)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")
