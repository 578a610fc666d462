"""What goes wrong on the wire in the formats of Bedrock, Cohere and Mistral, and what the books say."""

import time
from typing import Any

import httpx
import pytest

from tests.sandbox.dialects import DIALECTS, Dialect, count_damaged, read_frames
from tests.sandbox.talking import ended_row, row, rows

ALL = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
WHOLE_AND_STREAMED = pytest.mark.parametrize("stream", [False, True])
BEDROCK, COHERE, MISTRAL = DIALECTS


def _read_until_broken(http: httpx.Client, dialect: Dialect, model: str) -> bytes:
    """Return what a stream said before the connection was closed without an end."""
    heard: list[bytes] = []
    body = dialect.body(model, stream=True)
    with http.stream("POST", dialect.path(model, stream=True), json=body) as reply:
        assert reply.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            heard.extend(reply.iter_raw())
    return b"".join(heard)


def _say_twenty(dialect: Dialect, data: bytes) -> bool:
    return dialect.text(dialect.read(data)) == " ".join(str(one) for one in range(1, 21))


@ALL
@pytest.mark.parametrize("events", [0, 1, 2, 4, 9])
def test_a_cut_sends_exactly_so_many_events(
    http: httpx.Client, dialect: Dialect, events: int
) -> None:
    heard = _read_until_broken(http, dialect, f"sandbox-cut-{events}")
    assert len(dialect.read(heard)) == events
    booked = row(http)
    assert (booked["chunks"], booked["completed"], booked["status"]) == (events, False, 200)
    assert booked["output"] == max(0, events - dialect.opening)


@ALL
def test_a_cut_whole_reply_stops_at_half_its_length(http: httpx.Client, dialect: Dialect) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        dialect.ask(http, "sandbox-cut-1")
    assert row(http)["completed"] is False


@ALL
@WHOLE_AND_STREAMED
def test_a_hang_says_nothing_until_the_client_leaves(
    http: httpx.Client, dialect: Dialect, stream: bool
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        dialect.ask(http, "sandbox-hang", stream=stream, timeout=0.3)
    booked = ended_row(http)
    assert (booked["status"], booked["completed"], booked["input"]) == (None, False, 0)


@ALL
def test_a_hang_can_happen_once(http: httpx.Client, dialect: Dialect) -> None:
    with pytest.raises(httpx.ReadTimeout):
        dialect.ask(http, "sandbox-hang-once", timeout=0.3)
    assert dialect.ask(http, "sandbox-hang-once").status_code == 200


@ALL
def test_a_hang_in_a_stream_says_no_more(http: httpx.Client, dialect: Dialect) -> None:
    model = "sandbox-hang-after-2"
    body = dialect.body(model, stream=True)
    with http.stream("POST", dialect.path(model, stream=True), json=body) as reply:
        heard = b""
        pieces = reply.iter_raw()
        while dialect.count(heard) < 2:
            heard += next(pieces)
        assert row(http)["ended"] is None
    booked = ended_row(http)
    assert (booked["chunks"], booked["status"], booked["completed"]) == (2, 200, False)


@ALL
def test_a_whole_reply_can_hang_half_way(http: httpx.Client, dialect: Dialect) -> None:
    model = "sandbox-hang-after-1"
    with http.stream("POST", dialect.path(model), json=dialect.body(model)) as reply:
        half = next(reply.iter_raw())
        assert 0 < len(half) < int(reply.headers["content-length"])
    assert ended_row(http)["completed"] is False


@ALL
def test_a_drop_closes_the_connection_with_nothing_sent(
    http: httpx.Client, dialect: Dialect
) -> None:
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        dialect.ask(http, "sandbox-drop")
    assert row(http)["status"] is None


@pytest.mark.parametrize("dialect", [COHERE, MISTRAL], ids=lambda one: one.name)
@pytest.mark.parametrize(("model", "place"), [("sandbox-malformed", 5), ("sandbox-malformed-3", 3)])
def test_a_malformed_event_has_the_others_around_it(
    http: httpx.Client, dialect: Dialect, model: str, place: int
) -> None:
    events = dialect.read(dialect.ask(http, model, stream=True).content)
    broken = [at for at, (_, data) in enumerate(events) if isinstance(data, str)]
    assert broken[0] == place
    sound = [event for event in events if not isinstance(event[1], str)]
    assert dialect.text(sound) == " ".join(str(one) for one in range(1, 21))


@pytest.mark.parametrize(("model", "place"), [("sandbox-malformed", 5), ("sandbox-malformed-3", 3)])
def test_a_damaged_frame_shows_only_in_its_checksum(
    http: httpx.Client, model: str, place: int
) -> None:
    heard = BEDROCK.ask(http, model, stream=True).content
    assert count_damaged(heard) == 1
    events = read_frames(heard, check=False)
    assert events[place][1]["delta"]["text"] == " GARBLED"
    with pytest.raises(AssertionError):
        read_frames(heard)
    del events[place]
    assert BEDROCK.text(events) == " ".join(str(one) for one in range(1, 21))


@ALL
def test_a_malformed_whole_reply_is_half_a_document(http: httpx.Client, dialect: Dialect) -> None:
    reply = dialect.ask(http, "sandbox-malformed")
    assert reply.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        reply.json()


@ALL
@pytest.mark.parametrize(
    ("model", "place"), [("sandbox-error-mid-stream", 5), ("sandbox-error-mid-stream-2", 2)]
)
def test_an_error_in_a_stream_is_its_last_event(
    http: httpx.Client, dialect: Dialect, model: str, place: int
) -> None:
    reply = dialect.ask(http, model, stream=True)
    assert reply.status_code == 200
    events = dialect.read(reply.content)
    assert len(events) == place + 1
    kind, data = events[-1]
    match dialect.name:
        case "bedrock":
            assert kind == "internalServerException"
            assert data["message"].startswith("The system encountered an unexpected error")
        case "cohere":
            assert kind == data["type"] == "message-end"
            assert data["delta"]["finish_reason"] == "ERROR"
            assert data["delta"]["error"].startswith("internal server error")
        case _:
            assert data["object"] == "error"
            assert (data["raw_status_code"], data["code"]) == (500, "1000")
    assert row(http)["completed"] is False
    assert dialect.ask(http, model).status_code == 500


@ALL
@pytest.mark.parametrize(("model", "status"), [("sandbox-html", 502), ("sandbox-html-200", 200)])
def test_a_web_page_comes_instead(
    http: httpx.Client, dialect: Dialect, model: str, status: int
) -> None:
    reply = dialect.ask(http, model)
    assert (reply.status_code, reply.headers["content-type"]) == (
        status,
        "text/html; charset=UTF-8",
    )
    assert reply.text.startswith("<html>")
    assert row(http)["input"] == 0


@ALL
@WHOLE_AND_STREAMED
def test_an_empty_body_is_empty(http: httpx.Client, dialect: Dialect, stream: bool) -> None:
    reply = dialect.ask(http, "sandbox-empty", stream=stream)
    assert (reply.status_code, reply.content) == (200, b"")
    wanted = dialect.stream_type if stream else "application/json"
    assert reply.headers["content-type"] == wanted


@ALL
@WHOLE_AND_STREAMED
def test_usage_can_be_missing_everywhere(
    http: httpx.Client, dialect: Dialect, stream: bool
) -> None:
    reply = dialect.ask(http, "sandbox-no-usage", stream=stream)
    assert b'"usage"' not in reply.content
    assert row(http)["output"] > 0


@ALL
@WHOLE_AND_STREAMED
@pytest.mark.parametrize(
    ("modifier", "least"), [("late-200", 0.2), ("quiet-200", 0.2), ("slow-20", 0.1)]
)
def test_delays_take_their_time_and_do_no_harm(
    http: httpx.Client, dialect: Dialect, stream: bool, modifier: str, least: float
) -> None:
    began = time.monotonic()
    dialect.ask(http, f"sandbox-long-6+{modifier}", stream=stream)
    assert time.monotonic() - began >= least
    booked = row(http)
    assert (booked["completed"], booked["output"]) == (True, 6)


@ALL
def test_a_client_that_leaves_is_sold_what_was_sent(http: httpx.Client, dialect: Dialect) -> None:
    model = "sandbox-long-5000+slow-5"
    body = dialect.body(model, stream=True)
    heard = b""
    with http.stream("POST", dialect.path(model, stream=True), json=body) as reply:
        for piece in reply.iter_raw():
            heard += piece
            if dialect.count(heard) >= 10:
                break
    booked = ended_row(http)
    assert booked["completed"] is False
    assert 10 <= booked["chunks"] < 1000
    assert 0 < booked["output"] < 1000


@ALL
def test_a_fault_behind_the_end_does_not_happen(http: httpx.Client, dialect: Dialect) -> None:
    reply = dialect.ask(http, "sandbox-long+cut-99", stream=True)
    assert _say_twenty(dialect, reply.content)
    assert row(http)["completed"] is True


@ALL
@pytest.mark.parametrize(
    ("model", "statuses"),
    [
        ("sandbox-500-once", [500, 200, 500]),
        ("sandbox-500-twice", [500, 500, 200, 500]),
        ("sandbox-503-once", [503, 200]),
        ("sandbox-429-once-7", [429, 200, 429]),
        ("sandbox-overloaded-once", [503, 200]),
    ],
)
def test_some_failures_come_in_turn(
    http: httpx.Client, dialect: Dialect, model: str, statuses: list[int]
) -> None:
    assert [dialect.ask(http, model).status_code for _ in statuses] == statuses
    assert [one["status"] for one in rows(http)] == statuses[::-1]


@ALL
@WHOLE_AND_STREAMED
def test_a_failure_is_a_failure_streamed_or_not(
    http: httpx.Client, dialect: Dialect, stream: bool
) -> None:
    reply = dialect.ask(http, "sandbox-500", stream=stream)
    assert reply.status_code == 500
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["message"]
    booked = row(http)
    assert (booked["status"], booked["input"], booked["output"]) == (500, 0, 0)


def _spent(usage: dict[str, Any], name: str) -> tuple[int, int, int]:
    """Return prompt, cached and answer tokens as the vendor reports them."""
    match name:
        case "bedrock":
            cached = usage.get("cacheReadInputTokens", 0)
            written = usage.get("cacheWriteInputTokens", 0)
            assert usage["totalTokens"] == (
                usage["inputTokens"] + cached + written + usage["outputTokens"]
            )
            return usage["inputTokens"] + cached + written, cached, usage["outputTokens"]
        case "cohere":
            tokens = usage["tokens"]
            return (
                tokens["input_tokens"] + tokens.get("image_tokens", 0),
                usage["cached_tokens"],
                tokens["output_tokens"],
            )
        case _:
            assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
            cached = usage["prompt_tokens_details"]["cached_tokens"]
            return usage["prompt_tokens"], cached, usage["completion_tokens"]


def _tools(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    empty: dict[str, Any] = {"type": "object", "properties": {}}
    if name == "bedrock":
        shown = [
            {"toolSpec": {"name": one, "inputSchema": {"json": inner}}}
            for one, inner in (("f", schema), ("g", empty))
        ]
        return {"toolConfig": {"tools": shown}}
    return {
        "tools": [
            {"type": "function", "function": {"name": one, "parameters": inner}}
            for one, inner in (("f", schema), ("g", empty))
        ]
    }


@ALL
@WHOLE_AND_STREAMED
@pytest.mark.parametrize(
    "scene",
    ["echo", "long-99", "parallel-tools", "reasoning-tool", "reasoning-redacted", "refusal",
     "unicode", "length", "content-filter", "empty-answer"],
)  # fmt: skip
def test_the_books_agree_with_the_usage_that_was_reported(
    http: httpx.Client, dialect: Dialect, stream: bool, scene: str
) -> None:
    reply = dialect.ask(http, f"sandbox-{scene}", stream=stream, **_tools(dialect.name))
    if stream:
        events = [data for _, data in dialect.read(reply.content) if isinstance(data, dict)]
        last = events[-1]
        usage = (last["delta"] if dialect.name == "cohere" else last)["usage"]
    else:
        usage = reply.json()["usage"]
    prompt, cached, answer = _spent(usage, dialect.name)
    booked = row(http)
    assert booked["input"] + booked["cache_read"] == prompt
    assert booked["cache_read"] == cached
    assert booked["output"] + booked["reasoning"] == answer
    assert (booked["reasoning"] > 0) is scene.startswith("reasoning")
    assert (booked["format"], booked["completed"]) == (dialect.name, True)


@ALL
def test_streamed_words_are_those_of_the_whole_reply(http: httpx.Client, dialect: Dialect) -> None:
    for scene in ("long-300", "unicode", "echo"):
        whole = dialect.whole(dialect.ask(http, f"sandbox-{scene}").json())
        streamed = dialect.ask(http, f"sandbox-{scene}", stream=True)
        assert streamed.headers["content-type"] == dialect.stream_type
        assert dialect.text(dialect.read(streamed.content)) == whole != ""


@ALL
def test_what_arrived_is_kept_without_its_key(
    http: httpx.Client, dialect: Dialect, key: str
) -> None:
    dialect.ask(http, "sandbox-echo", "private question")
    wanted = {"client_request_id": http.headers["x-client-request-id"]}
    reply = http.get("/sandbox/requests", params=wanted)
    (entry,) = reply.json()["requests"]
    assert entry["body"] == dialect.body("sandbox-echo", "private question")
    assert entry["path"] == dialect.path("sandbox-echo")
    assert key not in reply.text


@ALL
def test_a_typing_error_in_a_scene_is_no_model(http: httpx.Client, dialect: Dialect) -> None:
    status = 404 if dialect.name == "cohere" else 400
    for model in ("sandbox-ecko", "sandbox-echo+typo", "missing-model-1"):
        assert dialect.ask(http, model).status_code == status
