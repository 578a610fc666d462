"""What the tests of the Anthropic provider stand on: a target, a request, a reply."""

from typing import Any

import orjson

from gateway.providers.anthropic import AnthropicProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter

PROVIDER = AnthropicProvider()
HI = [{"role": "user", "content": "hi"}]


def target(
    model: str = "claude-sonnet-4-5",
    base_url: str = "https://api.anthropic.com",
    settings: dict[str, str] | None = None,
    **info: Any,
) -> Target:
    """A target whose model the catalogue knows nothing of but what `info` says."""
    return Target(
        provider="anthropic",
        type="anthropic",
        model=model,
        base_url=base_url,
        key_source=KeySource.OWN,
        key_name="anthropic",
        audience="anthropic",
        settings=settings or {},
        info=ModelInfo("anthropic", model, **info),
    )


def request(body: dict[str, Any], to: Target | None = None) -> UpstreamRequest:
    """Build the native request of a client's body."""
    chat = read_chat({"model": "m", "messages": HI, **body})
    return PROVIDER.build_chat(chat, to or target())


def native(body: dict[str, Any], to: Target | None = None) -> dict[str, Any]:
    """Build the native body of a client's body."""
    built: dict[str, Any] = orjson.loads(request(body, to).body)
    return built


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Build the native messages of a client's messages."""
    found: list[dict[str, Any]] = native({"messages": list(messages)})["messages"]
    return found


def events(
    data: bytes, body: dict[str, Any] | None = None, to: Target | None = None
) -> list[ev.Event]:
    """Parse a whole reply to a client's body."""
    chat = read_chat({"model": "m", "messages": HI, **(body or {})})
    parser = PROVIDER.open_reply(chat, to or target(), ReplyHead(200, {}))
    return [*parser.feed(data), *parser.finish()]


def completion(
    data: bytes, body: dict[str, Any] | None = None, to: Target | None = None
) -> dict[str, Any]:
    """Parse a whole reply to a client's body and write it as one completion."""
    chat = read_chat({"model": "m", "messages": HI, **(body or {})})
    writer = CompletionWriter(chat, id="own", created=0, model="m")
    for event in events(data, body, to):
        writer.add(event)
    written: dict[str, Any] = orjson.loads(writer.body())
    return written


def sse(*native_events: dict[str, Any]) -> bytes:
    """Write native events as the API does: named, and padded with spaces."""
    return b"".join(
        b"event: %s\ndata: %s   \n\n" % (str(event["type"]).encode(), orjson.dumps(event))
        for event in native_events
    )


def start(**members: Any) -> dict[str, Any]:
    """A `message_start` event."""
    message = {"id": "msg_1", "model": "claude-x", "role": "assistant", "content": [], **members}
    return {"type": "message_start", "message": message}


def opened(index: int, **block: Any) -> dict[str, Any]:
    """A `content_block_start` event."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **members: Any) -> dict[str, Any]:
    """A `content_block_delta` event."""
    return {"type": "content_block_delta", "index": index, "delta": members}


def closed(index: int) -> dict[str, Any]:
    """A `content_block_stop` event."""
    return {"type": "content_block_stop", "index": index}


def ended(stop_reason: str | None = "end_turn", **members: Any) -> tuple[dict[str, Any], ...]:
    """The two events that end a message; `members` go into the first."""
    usage = members.pop("usage", {"output_tokens": 1})
    last = {"stop_reason": stop_reason, "stop_sequence": None, **members}
    return (
        {"type": "message_delta", "delta": last, "usage": usage},
        {"type": "message_stop"},
    )


def whole(*content: dict[str, Any], stop_reason: str = "end_turn", **members: Any) -> bytes:
    """A reply in one piece."""
    message = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "model": "claude-x",
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
        **members,
    }
    return orjson.dumps(message)
