"""The sandbox's own endpoints: the ledger, what arrived, and a clean slate."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from gateway.sandbox.asgi import Call
from gateway.sandbox.journal import Journal
from gateway.sandbox.ledger import Ledger, Row
from gateway.sandbox.server import RunningSandbox, start_sandbox
from gateway.sandbox.tokens import count_tokens
from tests.sandbox.talking import ANTHROPIC, OPENAI, chat, function, message, read_sse, row, rows


@pytest.mark.parametrize("stream", [False, True])
def test_a_row_says_what_was_sold(http: httpx.Client, key: str, stream: bool) -> None:
    http.post(OPENAI, json=chat("sandbox-reasoning", stream=stream))
    booked = row(http)
    assert booked["client_request_id"] == http.headers["x-client-request-id"]
    assert booked["request_id"].startswith("req_")
    assert (booked["format"], booked["operation"]) == ("openai", "chat")
    assert (booked["model"], booked["stream"]) == ("sandbox-reasoning", stream)
    assert booked["key"] == hashlib.sha256(key.encode()).hexdigest()[:16]
    assert (booked["status"], booked["completed"]) == (200, True)
    assert booked["input"] == count_tokens("user: hello there")
    assert (booked["output"], booked["reasoning"]) == (6, 37)
    assert booked["chunks"] == (6 if stream else 1)
    assert booked["started"] <= booked["ended"]


@pytest.mark.parametrize("scene", ["sandbox-echo", "sandbox-reasoning-tool", "sandbox-long-99"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_books_agree_with_the_usage_that_was_reported(
    http: httpx.Client, scene: str, stream: bool
) -> None:
    tools = [function("get_weather")]
    more: dict[str, Any] = {"tools": tools, "n": 2, "stream": stream}
    if stream:
        more["stream_options"] = {"include_usage": True}
    reply = http.post(OPENAI, json=chat(scene, **more))
    usage = read_sse(reply.text)[-2][1]["usage"] if stream else reply.json()["usage"]
    booked = row(http)
    assert booked["input"] + booked["cache_read"] == usage["prompt_tokens"]
    assert booked["output"] + booked["reasoning"] == usage["completion_tokens"]
    assert booked["reasoning"] == usage["completion_tokens_details"]["reasoning_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_books_agree_with_anthropics_usage(http: httpx.Client, stream: bool) -> None:
    reply = http.post(ANTHROPIC, json=message("sandbox-reasoning-redacted", stream=stream))
    usage = read_sse(reply.text)[-2][1]["usage"] if stream else reply.json()["usage"]
    booked = row(http)
    assert booked["input"] == usage["input_tokens"]
    assert booked["output"] + booked["reasoning"] == usage["output_tokens"]
    assert booked["reasoning"] == usage["output_tokens_details"]["thinking_tokens"]


def test_every_attempt_has_a_row_also_those_that_failed(http: httpx.Client) -> None:
    for _ in range(3):
        http.post(OPENAI, json=chat("sandbox-500-twice"))
    http.post(OPENAI, json=chat("gpt-4o", nonsense=1))
    http.post(OPENAI, json=chat("gpt-4o"), headers={"authorization": "Bearer bad"})
    found = rows(http)
    assert [one["status"] for one in found] == [401, 400, 200, 500, 500]
    assert [one["output"] for one in found] == [0, 0, 6, 0, 0]
    assert all(one["ended"] for one in found)


def test_embeddings_are_booked_and_lists_are_not(http: httpx.Client) -> None:
    http.get("/openai/v1/models")
    http.post(
        "/openai/v1/embeddings", json={"model": "text-embedding-3-small", "input": "12345678"}
    )
    booked = rows(http)
    assert len(booked) == 1
    assert (booked[0]["operation"], booked[0]["input"], booked[0]["output"]) == ("embeddings", 2, 0)


def test_without_an_id_of_the_clients_the_replys_own_is_used(http: httpx.Client) -> None:
    del http.headers["x-client-request-id"]
    request_id = http.post(OPENAI, json=chat("sandbox-echo")).headers["x-request-id"]
    found = http.get("/sandbox/ledger", params={"client_request_id": request_id}).json()["rows"]
    assert len(found) == 1


def test_what_arrived_is_shown_without_its_secrets(http: httpx.Client, key: str) -> None:
    sent = chat("sandbox-echo", "private question")
    http.post(OPENAI, json=sent, headers={"x-api-key": key, "cookie": key, "x-trace": "kept"})
    wanted = {"client_request_id": http.headers["x-client-request-id"]}
    reply = http.get("/sandbox/requests", params=wanted)
    (entry,) = reply.json()["requests"]
    assert entry["body"] == sent
    assert (entry["method"], entry["path"]) == ("POST", OPENAI)
    digest = "sha256:" + hashlib.sha256(key.encode()).hexdigest()
    for name in ("authorization", "x-api-key", "cookie"):
        assert entry["headers"][name] == digest
    assert entry["headers"]["x-trace"] == "kept"
    assert key not in reply.text


def test_a_key_in_the_query_is_hidden_too(http: httpx.Client, key: str) -> None:
    http.post(f"{OPENAI}?key={key}&alt=sse", content=b"not json")
    wanted = {"client_request_id": http.headers["x-client-request-id"]}
    reply = http.get("/sandbox/requests", params=wanted)
    (entry,) = reply.json()["requests"]
    assert key not in reply.text
    assert entry["query"].endswith("&alt=sse")
    assert entry["body"] == "not json"


def test_the_index_names_what_there_is(http: httpx.Client) -> None:
    index = http.get("/sandbox").json()
    assert {"/openai", "/anthropic"} <= set(index["formats"])
    assert "sandbox-echo" in index["scenes"]
    assert http.get("/sandbox/nothing").status_code == 404
    assert http.get("/nowhere/v1/chat").status_code == 404


@pytest.fixture
def lonely() -> Any:
    """A sandbox of one's own, to be wiped."""
    with start_sandbox() as running:
        yield running


def test_everything_can_be_forgotten(lonely: RunningSandbox) -> None:
    with httpx.Client(base_url=lonely.url, headers={"authorization": "Bearer k"}) as http:
        http.post(OPENAI, json=chat("sandbox-500-once"))
        assert http.delete("/sandbox/ledger").status_code == 200
        assert http.get("/sandbox/ledger").json() == {"rows": [], "dropped": 0}
        assert len(http.get("/sandbox/requests").json()["requests"]) == 1
        assert http.delete("/sandbox").status_code == 200
        assert http.get("/sandbox/requests").json() == {"requests": []}
        assert http.post(OPENAI, json=chat("sandbox-500-once")).status_code == 500
        assert http.delete("/sandbox/nothing").status_code == 404


def test_the_ledger_keeps_the_newest_rows_and_counts_the_others() -> None:
    ledger = Ledger(max_rows=3)
    for at in range(5):
        ledger.open(Row(str(at % 2), f"r{at}", "openai", "chat", float(at)))
    assert [one.request_id for one in ledger.rows()] == ["r4", "r3", "r2"]
    assert [one.request_id for one in ledger.rows("1")] == ["r3"]
    assert [one.request_id for one in ledger.rows(limit=1)] == ["r4"]
    assert ledger.dropped == 2


def test_the_journal_is_bounded_in_number_and_in_bytes() -> None:
    journal = Journal(max_requests=3, max_bytes=100)
    for at in range(5):
        journal.add(Call("POST", "/", "", {}, b"x"), "/", f"r{at}", 0.0)
    assert [one.request_id for one in journal.entries()] == ["r4", "r3", "r2"]
    journal.add(Call("POST", "/", "", {}, json.dumps("y" * 200).encode()), "/", "big", 0.0)
    assert [one.request_id for one in journal.entries()] == ["big"]
