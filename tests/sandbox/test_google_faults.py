"""Scenes of Google's formats that go wrong on the wire, and what the books say of all of them."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gateway.sandbox.tokens import count_tokens
from tests.sandbox.google_talk import (
    GEMINI,
    VERTEX,
    ask,
    functions,
    read_events,
    said,
)
from tests.sandbox.talking import ended_row, row, rows

Client = Callable[[str], httpx.Client]
SURFACES = pytest.mark.parametrize("at", [GEMINI, VERTEX])
STREAMS = pytest.mark.parametrize(
    ("at", "method"),
    [
        (GEMINI, "streamGenerateContent?alt=sse"),
        (GEMINI, "streamGenerateContent"),
        (VERTEX, "streamGenerateContent?alt=sse"),
    ],
)
METHODS = pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse"])


@pytest.fixture
def client(http: httpx.Client, key: str) -> Client:
    """Return the client with the credentials a surface wants."""

    def of(at: str) -> httpx.Client:
        if at == GEMINI and "authorization" in http.headers:
            del http.headers["authorization"]
            http.headers["x-goog-api-key"] = key
        return http

    return of


def take(reply: httpx.Response, into: list[bytes]) -> None:
    """Read a reply to its end, however it ends."""
    into.extend(reply.iter_raw())


def read_until_broken(http: httpx.Client, url: str) -> str:
    """Return what a stream said before the connection was closed without an end."""
    found: list[bytes] = []
    with http.stream("POST", url, json=ask()) as reply:
        assert reply.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            take(reply, found)
    return b"".join(found).decode()


@STREAMS
@pytest.mark.parametrize("pieces", [0, 1, 4])
def test_a_cut_sends_exactly_so_many_pieces(
    client: Client, at: str, method: str, pieces: int
) -> None:
    http = client(at)
    body = read_until_broken(http, f"{at}sandbox-cut-{pieces}:{method}")
    assert body.count('"candidates"') == pieces
    booked = row(http)
    assert (booked["chunks"], booked["completed"], booked["status"]) == (pieces, False, 200)
    assert booked["output"] == pieces  # words 1 to 9 cost a token each


@SURFACES
def test_a_cut_whole_reply_stops_at_half_its_length(client: Client, at: str) -> None:
    http = client(at)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(f"{at}sandbox-cut-1:generateContent", json=ask())
    assert row(http)["completed"] is False


@SURFACES
@METHODS
def test_a_hang_says_nothing_until_the_client_leaves(client: Client, at: str, method: str) -> None:
    http = client(at)
    with pytest.raises(httpx.ReadTimeout):
        http.post(f"{at}sandbox-hang:{method}", json=ask(), timeout=0.3)
    booked = ended_row(http)
    assert (booked["status"], booked["completed"], booked["input"]) == (None, False, 0)


@STREAMS
def test_a_hang_in_a_stream_says_no_more(client: Client, at: str, method: str) -> None:
    http = client(at)
    with http.stream("POST", f"{at}sandbox-hang-after-2:{method}", json=ask()) as reply:
        pieces, body = reply.iter_raw(), b""
        while body.count(b'"candidates"') < 2:
            body += next(pieces)
        assert row(http)["ended"] is None
    booked = ended_row(http)
    assert (booked["chunks"], booked["status"], booked["completed"]) == (2, 200, False)


@SURFACES
def test_a_malformed_event_has_the_others_around_it(client: Client, at: str) -> None:
    http = client(at)
    url = f"{at}sandbox-malformed:streamGenerateContent?alt=sse"
    events = read_events(http.post(url, json=ask()).text)
    assert [at for at, one in enumerate(events) if isinstance(one, str)] == [5]
    rest = [one for one in events if not isinstance(one, str)]
    assert said(rest) == " ".join(str(number) for number in range(1, 21))
    with pytest.raises(json.JSONDecodeError):
        http.post(f"{at}sandbox-malformed:generateContent", json=ask()).json()


def test_a_malformed_piece_breaks_the_array(client: Client) -> None:
    reply = client(GEMINI).post(f"{GEMINI}sandbox-malformed:streamGenerateContent", json=ask())
    assert reply.text.endswith("]")
    with pytest.raises(json.JSONDecodeError):
        reply.json()


@SURFACES
def test_an_error_in_a_stream_is_its_last_event(client: Client, at: str) -> None:
    http = client(at)
    url = f"{at}sandbox-error-mid-stream:streamGenerateContent"
    events = read_events(http.post(f"{url}?alt=sse", json=ask()).text)
    assert len(events) == 6
    assert events[-1]["error"]["status"] == "UNAVAILABLE"
    assert row(http)["completed"] is False
    array = http.post(url, json=ask()).json()
    assert [next(iter(one)) for one in array] == ["candidates"] * 5 + ["error"]
    whole = http.post(f"{at}sandbox-error-mid-stream:generateContent", json=ask())
    assert (whole.status_code, whole.json()["error"]["status"]) == (500, "INTERNAL")


@SURFACES
@pytest.mark.parametrize(("name", "status"), [("sandbox-html", 502), ("sandbox-html-200", 200)])
def test_a_web_page_comes_instead(client: Client, at: str, name: str, status: int) -> None:
    reply = client(at).post(f"{at}{name}:generateContent", json=ask())
    assert (reply.status_code, reply.headers["content-type"]) == (
        status,
        "text/html; charset=UTF-8",
    )


@STREAMS
def test_an_empty_body_is_empty(client: Client, at: str, method: str) -> None:
    reply = client(at).post(f"{at}sandbox-empty:{method}", json=ask())
    assert (reply.status_code, reply.content) == (200, b"")
    expected = "text/event-stream" if "sse" in method else "application/json"
    assert reply.headers["content-type"].startswith(expected)


@SURFACES
@METHODS
def test_usage_can_be_missing_everywhere(client: Client, at: str, method: str) -> None:
    http = client(at)
    reply = http.post(f"{at}sandbox-no-usage:{method}", json=ask())
    assert "usageMetadata" not in reply.text
    assert row(http)["output"] > 0


@SURFACES
@METHODS
@pytest.mark.parametrize(
    ("modifier", "least"), [("late-200", 0.2), ("quiet-200", 0.2), ("slow-20", 0.1)]
)
def test_delays_take_their_time_and_do_no_harm(
    client: Client, at: str, method: str, modifier: str, least: float
) -> None:
    http = client(at)
    began = time.monotonic()
    http.post(f"{at}sandbox-long-6+{modifier}:{method}", json=ask())
    assert time.monotonic() - began >= least
    booked = row(http)
    assert (booked["completed"], booked["output"]) == (True, 6)


@SURFACES
def test_a_drop_closes_the_connection_with_nothing_sent(client: Client, at: str) -> None:
    http = client(at)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        http.post(f"{at}sandbox-drop:generateContent", json=ask())
    assert row(http)["status"] is None


BOOKS = [
    "sandbox-echo", "sandbox-reasoning-tool", "sandbox-reasoning-redacted", "sandbox-long-99",
    "sandbox-refusal", "sandbox-content-filter", "sandbox-prompt-filter", "sandbox-length",
    "sandbox-empty-answer", "sandbox-parallel-tools",
]  # fmt: skip


@SURFACES
@METHODS
@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("name", BOOKS)
def test_the_books_agree_with_the_usage_that_was_reported(
    client: Client, at: str, method: str, shown: bool, name: str
) -> None:
    http = client(at)
    config = {"candidateCount": 2, "thinkingConfig": {"includeThoughts": shown}}
    request = ask(tools=functions("f"), generationConfig=config)
    reply = http.post(f"{at}{name}:{method}", json=request)
    last: Any = read_events(reply.text)[-1] if "stream" in method else reply.json()
    usage, booked = last["usageMetadata"], row(http)
    assert (booked["format"], booked["operation"]) == (at.split("/")[1], "chat")
    assert (booked["model"], booked["status"], booked["completed"]) == (name, 200, True)
    assert booked["input"] + booked["cache_read"] == usage["promptTokenCount"]
    assert booked["output"] == usage.get("candidatesTokenCount", 0)
    assert booked["reasoning"] == usage.get("thoughtsTokenCount", 0)
    sold = booked["output"] + booked["reasoning"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + sold


@SURFACES
@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("name", ["sandbox-reasoning", "sandbox-reasoning-tool", *BOOKS[2:4]])
def test_a_stream_costs_what_the_whole_reply_costs(
    client: Client, at: str, shown: bool, name: str
) -> None:
    http = client(at)
    config = {"candidateCount": 2, "thinkingConfig": {"includeThoughts": shown}}
    request = ask(tools=functions("f"), generationConfig=config)
    stream = http.post(f"{at}{name}:streamGenerateContent?alt=sse", json=request)
    whole = http.post(f"{at}{name}:generateContent", json=request).json()["usageMetadata"]
    last = read_events(stream.text)[-1]["usageMetadata"]
    for member in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"):
        assert last.get(member) == whole.get(member)


def test_cached_tokens_have_a_bucket_of_their_own(client: Client) -> None:
    http = client(GEMINI)
    url, request = f"{GEMINI}sandbox-echo:generateContent", ask("word " * 1500)
    http.post(url, json=request)
    usage, booked = http.post(url, json=request).json()["usageMetadata"], row(http)
    assert booked["cache_read"] == usage["cachedContentTokenCount"] > 1024
    assert booked["input"] == usage["promptTokenCount"] - booked["cache_read"]


def test_every_attempt_has_a_row_also_those_that_failed(client: Client) -> None:
    http = client(GEMINI)
    url = f"{GEMINI}gemini-2.5-flash:generateContent"
    http.post(url, json=ask())
    http.post(url, json=ask(nonsense=1))
    http.post(url, json=ask(), headers={"x-goog-api-key": "bad"})
    assert [one["status"] for one in rows(http)] == [400, 400, 200]
    assert [one["input"] for one in rows(http)] == [0, 0, count_tokens("user: hello there")]


def test_what_arrived_is_shown_without_its_key(client: Client, key: str) -> None:
    http = client(GEMINI)
    http.post(f"{GEMINI}sandbox-echo:generateContent?key={key}", json=ask("a private question"))
    wanted = {"client_request_id": http.headers["x-client-request-id"]}
    shown = http.get("/sandbox/requests", params=wanted)
    (entry,) = shown.json()["requests"]
    assert entry["path"] == f"{GEMINI}sandbox-echo:generateContent"
    assert entry["body"] == ask("a private question")
    assert key not in shown.text
