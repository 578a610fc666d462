"""Scenes that go wrong on the wire, in both formats, and what the books say of them."""

import json
import socket
import time
from collections.abc import Callable
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
    message,
    message_text,
    read_sse,
    row,
)
from tests.waiting import wait_until

BOTH = pytest.mark.parametrize(("path", "ask"), [(OPENAI, chat), (ANTHROPIC, message)])
Ask = Callable[..., dict[str, Any]]


def _read_until_broken(http: httpx.Client, path: str, request: dict[str, Any]) -> str:
    """Return what a stream said before the connection was closed without an end."""
    said = b""
    with http.stream("POST", path, json=request) as reply:
        assert reply.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            for piece in reply.iter_raw():
                said += piece
    return said.decode()


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
@pytest.mark.parametrize(
    "model", ["sandbox-hang", "sandbox-tool+hang-after-2", "sandbox-hang-after-2"]
)
def test_a_hang_says_no_more_until_the_client_leaves(
    http: httpx.Client, path: str, ask: Ask, model: str
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(path, json=ask(model, stream=True), timeout=0.3)
    booked = wait_until(lambda: row(http) if row(http)["ended"] else None)
    assert booked is not None
    assert booked["completed"] is False
    assert booked["chunks"] == (2 if "after" in model else 0)
    assert booked["status"] == (200 if "after" in model else None)


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
def test_delays_take_their_time(
    http: httpx.Client, path: str, ask: Ask, stream: bool, modifier: str, least: float
) -> None:
    began = time.monotonic()
    request = ask(f"sandbox-long-6+{modifier}", stream=stream)
    with http.stream("POST", path, json=request) as reply:
        headed = time.monotonic() - began
        reply.read()
    assert time.monotonic() - began >= least
    if stream:
        assert (headed >= least) is ("late" in modifier)
    assert row(http)["completed"] is True


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
    booked = wait_until(lambda: row(http) if row(http)["ended"] else None)
    assert booked is not None
    assert booked["completed"] is False
    assert 10 <= booked["chunks"] < 1000
    assert 0 < booked["output"] < 1000


@BOTH
def test_a_client_that_does_not_wait_for_a_whole_reply_is_seen(
    http: httpx.Client, path: str, ask: Ask
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(path, json=ask("sandbox-long-5000+slow-5"), timeout=0.3)
    booked = wait_until(lambda: row(http) if row(http)["ended"] else None)
    assert booked is not None
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
