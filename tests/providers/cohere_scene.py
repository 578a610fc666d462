"""Short ways to a target, a request and a reply of Cohere."""

from typing import Any

import orjson

from gateway.providers.cohere import CohereProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter

PROVIDER = CohereProvider()
HI = {"role": "user", "content": "hi"}


def target(
    model: str = "command-a-03-2025", base_url: str = "https://api.cohere.com", **info: Any
) -> Target:
    """A target whose model the catalogue knows nothing of but what `info` says."""
    return Target(
        provider="cohere",
        type="cohere",
        model=model,
        base_url=base_url,
        key_source=KeySource.OWN,
        key_name="cohere",
        audience="cohere",
        settings={},
        info=ModelInfo("cohere", model, **info),
    )


def request(to: Target | None = None, **members: Any) -> UpstreamRequest:
    """Build the native request of a client's body."""
    return PROVIDER.build_chat(read_chat({"messages": [HI], **members}), to or target())


def sent(to: Target | None = None, **members: Any) -> Any:
    """Build the native body of a client's body."""
    return orjson.loads(request(to, **members).body)


def turns(*messages: dict[str, Any], to: Target | None = None) -> Any:
    """Build the native messages of a client's messages."""
    return sent(to, messages=list(messages))["messages"]


def events(data: bytes, **members: Any) -> list[ev.Event]:
    """Parse a whole reply to a client's body."""
    chat = read_chat({"messages": [HI], **members})
    parser = PROVIDER.open_reply(chat, target(), ReplyHead(200, {}))
    return [*parser.feed(data), *parser.finish()]


def completion(data: bytes) -> Any:
    """Parse a whole reply and write it as one completion."""
    writer = CompletionWriter(read_chat({"messages": [HI]}), id="own", created=0, model="m")
    for event in events(data):
        writer.add(event)
    return orjson.loads(writer.body())


def sse(*native: dict[str, Any]) -> bytes:
    """Write native events as the API does."""
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), orjson.dumps(event))
        for event in native
    )


def step(kind: str, index: int = 0, **message: Any) -> dict[str, Any]:
    """A stream event about a part of the message."""
    return {"type": kind, "index": index, "delta": {"message": message}}


START = {"type": "message-start", "id": "id-1", "delta": {"message": {"role": "assistant"}}}
USAGE = {
    "billed_units": {"input_tokens": 6, "output_tokens": 2},
    "tokens": {"input_tokens": 501, "output_tokens": 9, "reasoning_tokens": 3},
    "cached_tokens": 448,
}


def ended(finish: str = "COMPLETE", **delta: Any) -> dict[str, Any]:
    """The event that ends a message."""
    return {"type": "message-end", "delta": {"finish_reason": finish, "usage": USAGE, **delta}}


def whole(finish: str = "COMPLETE", **message: Any) -> bytes:
    """A reply in one piece."""
    body = {
        "id": "id-1",
        "finish_reason": finish,
        "message": {"role": "assistant", **message},
        "usage": USAGE,
    }
    return orjson.dumps(body)
