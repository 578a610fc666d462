"""Runs recorded exchanges with Gemini and Vertex through the providers and the writers."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import pytest

from gateway.providers.google import GeminiProvider, VertexProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter
from tests.conformance.recordings import Exchange, require

GEMINI = GeminiProvider()
VERTEX = VertexProvider()
HI = {"role": "user", "content": "hi"}
ASKED = read_chat({"model": "m", "messages": [HI]})


def provider_of(exchange: Exchange) -> GeminiProvider | VertexProvider:
    """The provider an exchange was recorded with."""
    return VERTEX if exchange.provider == "vertex" else GEMINI


def target(provider: str = "gemini", model: str = "gemini-3-flash-preview") -> Target:
    """A target whose model no catalogue knows."""
    return Target(
        provider=provider,
        type=provider,
        model=model,
        base_url="",
        key_source=KeySource.OWN,
        key_name=None,
        audience=f"google:{provider}",
        settings={"project": "some-project"} if provider == "vertex" else {},
        info=ModelInfo(provider, model, known=False),
    )


def target_of(exchange: Exchange) -> Target:
    """The target an exchange was sent to."""
    return target(exchange.provider, model_of(exchange))


def model_of(exchange: Exchange) -> str:
    """The model an exchange names in its address."""
    return exchange.url.split("/models/")[1].split(":")[0]


def exchanges() -> list[Exchange]:
    """Every recorded exchange in Google's native format."""
    return [e for e in require("generateContent") if e.provider in ("gemini", "vertex")]


def answered() -> list[Exchange]:
    """Those that were answered."""
    return [exchange for exchange in exchanges() if exchange.status == 200]


def streamed() -> list[Exchange]:
    """Those whose answer came as server-sent events."""
    return [exchange for exchange in answered() if exchange.body.lstrip().startswith(b"data:")]


def at_once() -> list[Exchange]:
    """Those whose answer came as JSON: in one piece, or as the members of an array."""
    return [exchange for exchange in answered() if exchange not in streamed()]


def parse(exchange: Exchange, pieces: Iterable[bytes] | None = None) -> list[ev.Event]:
    """Parse an answer, in the given pieces."""
    head = ReplyHead(exchange.status, exchange.headers)
    parser = provider_of(exchange).open_reply(ASKED, target(exchange.provider), head)
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


def fragments(body: bytes) -> list[dict[str, Any]]:
    """Return the fragments of an answer, whatever carries them."""
    if body.lstrip().startswith(b"data:"):
        lines = body.decode().splitlines()
        return [json.loads(line[5:]) for line in lines if line.startswith("data:")]
    whole = json.loads(body)
    return whole if isinstance(whole, list) else [whole]


def as_array(exchange: Exchange) -> bytes:
    """Return an answer as Google streams it where nobody asks for events: one indented array."""
    return json.dumps(fragments(exchange.body), indent=2, ensure_ascii=False).encode()


def frames(body: bytes) -> list[bytes]:
    """Cut a stream at its blank lines."""
    parts = body.replace(b"\r\n", b"\n").split(b"\n\n")
    return [frame + b"\n\n" for frame in parts if frame.strip()]


def each(exchanges: Iterable[Exchange], check: Callable[[Exchange], None]) -> None:
    """Check every exchange, and name those that fail; skip where there are none."""
    failed: list[str] = []
    count = 0
    for exchange in exchanges:
        count += 1
        try:
            check(exchange)
        except Exception as fault:  # noqa: BLE001  # whatever it is: named, and failed below
            failed.append(f"{exchange.id}: {fault!r:.800}")
    if not count:
        pytest.skip("the recordings hold no exchange of this kind")
    assert not failed, "\n".join([f"{len(failed)} of {count} fail", *failed[:5]])
