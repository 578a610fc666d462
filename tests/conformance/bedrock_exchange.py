"""Runs recorded exchanges with Bedrock through the provider and the writers."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.providers.bedrock import BedrockProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter
from tests.conformance.recordings import Exchange, require

PROVIDER = BedrockProvider()
HI = {"role": "user", "content": "hi"}
ASKED = read_chat({"model": "m", "messages": [HI]})
_PATH = re.compile(r"/model/([^/]+)/(converse-stream|converse|invoke)")


def model_of(exchange: Exchange) -> str:
    """Return the model that was called."""
    found = _PATH.search(exchange.url)
    assert found is not None, exchange.url
    return unquote(found[1])


def target(model: str) -> Target:
    """A target whose model no catalogue knows."""
    return Target(
        provider="bedrock",
        type="bedrock",
        model=model,
        base_url="",
        key_source=KeySource.OWN,
        key_name=None,
        audience="aws:bedrock",
        settings={"region": "us-east-1"},
        info=ModelInfo("bedrock", model, known=False),
    )


def exchanges() -> list[Exchange]:
    """Every recorded exchange with Converse."""
    return [exchange for exchange in require("converse") if exchange.provider == "bedrock"]


def answered() -> list[Exchange]:
    """Those that were answered."""
    return [exchange for exchange in exchanges() if exchange.status == 200]


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
    parser = PROVIDER.open_reply(ASKED, target(model_of(exchange)), head)
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


def each(found: Iterable[Exchange], check: Callable[[Exchange], None]) -> None:
    """Check every exchange, and name those that fail."""
    failed: list[str] = []
    count = 0
    for exchange in found:
        count += 1
        try:
            check(exchange)
        except Exception as fault:  # noqa: BLE001  # whatever it is: named, and failed below
            failed.append(f"{exchange.id}: {fault!r:.800}")
    assert count
    assert not failed, "\n".join([f"{len(failed)} of {count} fail", *failed[:5]])
