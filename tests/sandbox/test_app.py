"""The application itself, without a server: its lifespan, and clients that leave early."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from gateway.sandbox.app import Sandbox, create_app
from gateway.sandbox.clock import WallClock


def _scope(path: str) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}


async def _say(*messages: Mapping[str, Any]) -> AsyncIterator[Mapping[str, Any]]:
    for message in messages:
        yield message


async def _run(app: Any, scope: dict[str, Any], *messages: Mapping[str, Any]) -> list[Any]:
    """Run the application on these messages, and return what it sent."""
    incoming = _say(*messages)
    sent: list[Any] = []

    async def receive() -> Any:
        return await anext(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def test_a_lifespan_is_answered() -> None:
    start, stop = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    sent = await _run(create_app(), {"type": "lifespan"}, start, stop)
    assert [one["type"] for one in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_what_is_no_http_is_left_alone() -> None:
    assert await _run(create_app(), {"type": "websocket"}) == []


async def test_a_client_that_leaves_inside_its_request_is_not_answered_nor_booked() -> None:
    app = Sandbox(WallClock())
    for path in ("/openai/v1/chat/completions", "/sandbox", "/nowhere"):
        part = {"type": "http.request", "body": b"{", "more_body": True}
        assert await _run(app, _scope(path), part, {"type": "http.disconnect"}) == []
    assert app.world.ledger.rows() == []


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    part = {"type": "http.request", "body": b"x" * 20_000_000, "more_body": True}
    sent = await _run(create_app(), _scope("/nowhere"), part, part)
    assert sent[0]["status"] == 404
