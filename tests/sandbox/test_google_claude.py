"""Anthropic's models on Vertex."""

from typing import Any

import httpx
import pytest

from tests.sandbox.talking import message, message_text, read_sse, row, tool

AT = "/vertex/v1/projects/p1/locations/us-east5/publishers/anthropic/models/"
VERSION = {"anthropic_version": "vertex-2023-10-16"}


def ask(text: str = "hello there", **more: Any) -> dict[str, Any]:
    """Return a request: a Messages request without a model, with the version in it."""
    request = message("-", text, **more)
    del request["model"]
    return {**VERSION, **request}


def post(http: httpx.Client, name: str, request: Any, method: str = "rawPredict") -> httpx.Response:
    """Send a request."""
    return http.post(f"{AT}{name}:{method}", json=request)


@pytest.fixture
def claude(http: httpx.Client) -> httpx.Client:
    """The client without Anthropic's own version header, which Vertex does not have."""
    del http.headers["anthropic-version"]
    return http


def test_a_message_is_answered_and_booked_as_vertex(claude: httpx.Client) -> None:
    reply = post(claude, "claude-sonnet-4-5@20250929", ask(anthropic_beta=["context-1m"]))
    assert reply.status_code == 200
    assert reply.json()["content"] == [{"type": "text", "text": "Echo: hello there"}]
    assert reply.json()["model"] == "claude-sonnet-4-5-20250929"
    assert reply.headers["request-id"].startswith("req_vrtx_")
    booked = row(claude)
    assert (booked["format"], booked["model"]) == ("vertex", "claude-sonnet-4-5-20250929")
    assert booked["input"] == reply.json()["usage"]["input_tokens"]


def test_a_message_is_streamed(claude: httpx.Client) -> None:
    reply = post(claude, "sandbox-reasoning", ask(stream=True), "streamRawPredict")
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = read_sse(reply.text)
    assert message_text(events) == "Echo: hello there"
    assert events[-1][0] == "message_stop"


def test_a_tool_is_called(claude: httpx.Client) -> None:
    reply = post(claude, "sandbox-tool", ask(tools=[tool("f")])).json()
    assert reply["stop_reason"] == "tool_use"


def test_tokens_are_counted_by_a_model_of_that_name(claude: httpx.Client) -> None:
    request = {**VERSION, "model": "claude-sonnet-4-5", "messages": ask()["messages"]}
    reply = post(claude, "count-tokens", request)
    assert reply.json() == {"input_tokens": 5}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"anthropic_version": None}, "anthropic_version: Field required"),
        ({"anthropic_version": "2023-06-01"}, "anthropic_version: Input should be"),
        ({"model": "claude-sonnet-4-5"}, "model: Extra inputs are not permitted"),
        ({"anthropic_beta": "x"}, "anthropic_beta: Input should be a valid list"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"temperature": 2}, "temperature: Input should be less than or equal to 1"),
    ],
)
def test_the_body_is_checked_as_anthropic_does(
    claude: httpx.Client, change: dict[str, Any], complaint: str
) -> None:
    changed = {**ask(), **change}
    request = {name: value for name, value in changed.items() if value is not None}
    reply = post(claude, "claude-sonnet-4-5", request)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert complaint in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("sandbox-429-3", 429, "RESOURCE_EXHAUSTED"),
        ("sandbox-401", 401, "UNAUTHENTICATED"),
        ("sandbox-404", 404, "NOT_FOUND"),
        ("sandbox-unknown", 404, "NOT_FOUND"),
    ],
)
def test_what_google_decides_is_refused_in_its_words(
    claude: httpx.Client, name: str, code: int, status: str
) -> None:
    reply = post(claude, name, ask())
    assert (reply.status_code, reply.json()["error"]["status"]) == (code, status)


def test_what_anthropic_decides_is_refused_in_its_words(claude: httpx.Client) -> None:
    reply = post(claude, "sandbox-529", ask())
    assert (reply.status_code, reply.json()["error"]["type"]) == (529, "overloaded_error")


def test_a_bearer_token_is_demanded(claude: httpx.Client, key: str) -> None:
    del claude.headers["authorization"]
    for headers in ({}, {"x-api-key": key}, {"authorization": "Bearer bad"}):
        reply = claude.post(f"{AT}sandbox-echo:rawPredict", json=ask(), headers=headers)
        assert (reply.status_code, reply.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("body", [b"", b"[]", b"not json"])
def test_what_is_no_object_is_refused(claude: httpx.Client, body: bytes) -> None:
    reply = claude.post(f"{AT}claude-opus-4-8:rawPredict", content=body)
    assert (reply.status_code, reply.json()["type"]) == (400, "error")


def test_other_methods_are_not_found(claude: httpx.Client) -> None:
    assert post(claude, "claude-opus-4-8", ask(), "generateContent").status_code == 404
    assert claude.get(f"{AT}claude-opus-4-8:rawPredict").status_code == 404
