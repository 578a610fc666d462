"""Runs recorded exchanges with Anthropic through the provider and the writers."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from gateway.providers.anthropic import AnthropicProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter
from tests.conformance.recordings import Exchange, require

PROVIDER = AnthropicProvider()
HI = {"role": "user", "content": "hi"}
ASKED = read_chat({"model": "m", "messages": [HI]})


def target(model: str = "m") -> Target:
    """A target whose model no catalogue knows."""
    return Target(
        provider="anthropic",
        type="anthropic",
        model=model,
        base_url="https://api.anthropic.com",
        key_source=KeySource.OWN,
        key_name=None,
        audience="anthropic",
        settings={},
        info=ModelInfo("anthropic", model, known=False),
    )


def answered() -> list[Exchange]:
    """Every recorded exchange that was answered to its end."""
    return [e for e in require("messages") if e.status == 200 and not holds_error(e)]


def holds_error(exchange: Exchange) -> bool:
    """Whether a 200 reports an error all the same: as its body, or in mid-stream."""
    if is_whole(exchange):
        return bool(json.loads(exchange.body).get("type") == "error")
    return any(frame.startswith(b"event: error") for frame in frames(exchange.body))


def streamed() -> list[Exchange]:
    """Those whose answer was streamed."""
    return [exchange for exchange in answered() if not is_whole(exchange)]


def at_once() -> list[Exchange]:
    """Those whose answer came in one piece."""
    return [exchange for exchange in answered() if is_whole(exchange)]


def is_whole(exchange: Exchange) -> bool:
    """Whether the answer is one JSON body."""
    return exchange.body.lstrip().startswith(b"{")


def parse(exchange: Exchange, pieces: Iterable[bytes] | None = None) -> list[ev.Event]:
    """Parse an answer, in the given pieces."""
    head = ReplyHead(exchange.status, exchange.headers)
    parser = PROVIDER.open_reply(ASKED, target(), head)
    found: list[ev.Event] = []
    for piece in [exchange.body] if pieces is None else pieces:
        found += parser.feed(piece)
    return found + parser.finish()


def complete(events: Iterable[ev.Event]) -> dict[str, Any]:
    """Write events as one completion."""
    writer = CompletionWriter(ASKED, id="own", created=0, model="m")
    for event in events:
        writer.add(event)
    body: dict[str, Any] = orjson.loads(writer.body())
    return body


def frames(body: bytes) -> list[bytes]:
    """Cut a stream at its blank lines."""
    parts = body.replace(b"\r\n", b"\n").split(b"\n\n")
    return [frame + b"\n\n" for frame in parts if frame.strip()]


def each(exchanges: Iterable[Exchange], check: Callable[[Exchange], None]) -> None:
    """Check every exchange, and name those that fail."""
    failed: list[str] = []
    count = 0
    for exchange in exchanges:
        count += 1
        try:
            check(exchange)
        except Exception as fault:  # noqa: BLE001  # whatever it is: named, and failed below
            failed.append(f"{exchange.id}: {fault!r:.800}")
    assert count
    assert not failed, "\n".join([f"{len(failed)} of {count} fail", *failed[:5]])
