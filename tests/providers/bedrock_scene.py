"""What the tests of the Bedrock provider stand on: a target, a request, a reply, a stream."""

import struct
import zlib
from typing import Any

import orjson

from gateway.providers.bedrock import BedrockProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter

PROVIDER = BedrockProvider()
HI = [{"role": "user", "content": "hi"}]
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_3 = "anthropic.claude-3-sonnet-20240229-v1:0"
CLAUDE_5 = "us.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
TITAN = "amazon.titan-text-express-v1"
UNKNOWN = "arn:aws:bedrock:us-east-1:000000000000:application-inference-profile/abc123"

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSBhIHRlc3QK"


def target(
    model: str = CLAUDE,
    base_url: str = "",
    settings: dict[str, str] | None = None,
    key_source: KeySource = KeySource.OWN,
    **info: Any,
) -> Target:
    """A target whose model the catalogue knows nothing of but what `info` says."""
    return Target(
        provider="bedrock",
        type="bedrock",
        model=model,
        base_url=base_url,
        key_source=key_source,
        key_name="bedrock",
        audience="aws:bedrock",
        settings={"region": "eu-west-1"} if settings is None else settings,
        info=ModelInfo("bedrock", model, **info),
    )


def request(body: dict[str, Any], to: Target | str | None = None) -> UpstreamRequest:
    """Build the native request of a client's body."""
    where = target(to) if isinstance(to, str) else to or target()
    return PROVIDER.build_chat(read_chat({"model": "m", "messages": HI, **body}), where)


def native(body: dict[str, Any], to: Target | str | None = None) -> dict[str, Any]:
    """Build the native body of a client's body."""
    built: dict[str, Any] = orjson.loads(request(body, to).body)
    return built


def turns(*messages: dict[str, Any], to: Target | str | None = None) -> list[dict[str, Any]]:
    """Build the native messages of a client's messages."""
    found: list[dict[str, Any]] = native({"messages": list(messages)}, to)["messages"]
    return found


def parsed(
    pieces: list[bytes], body: dict[str, Any] | None = None, to: str = CLAUDE
) -> list[ev.Event]:
    """Parse a reply to a client's body, fed in pieces."""
    chat = read_chat({"model": "m", "messages": HI, **(body or {})})
    head = ReplyHead(200, {"x-amzn-requestid": "r-1"})
    parser = PROVIDER.open_reply(chat, target(to), head)
    found: list[ev.Event] = []
    for piece in pieces:
        found += parser.feed(piece)
    return found + parser.finish()


def events(data: bytes, body: dict[str, Any] | None = None, to: str = CLAUDE) -> list[ev.Event]:
    """Parse a whole reply to a client's body."""
    return parsed([data], body, to)


def completion(data: bytes, body: dict[str, Any] | None = None, to: str = CLAUDE) -> dict[str, Any]:
    """Parse a whole reply to a client's body and write it as one completion."""
    chat = read_chat({"model": "m", "messages": HI, **(body or {})})
    writer = CompletionWriter(chat, id="own", created=0, model="m")
    for event in events(data, body, to):
        writer.add(event)
    written: dict[str, Any] = orjson.loads(writer.body())
    return written


def message(data: bytes, body: dict[str, Any] | None = None, to: str = CLAUDE) -> dict[str, Any]:
    """Parse a whole reply and return the message of its only choice."""
    [choice] = completion(data, body, to)["choices"]
    found: dict[str, Any] = choice["message"]
    return found


def raw_frame(headers: bytes, payload: bytes) -> bytes:
    """Write a frame around header bytes, both checksums right."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    front = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return front + struct.pack(">I", zlib.crc32(front))


def string_header(name: str, value: str) -> bytes:
    """Write a header of type string."""
    return (
        struct.pack(">B", len(name))
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value.encode()))
        + value.encode()
    )


def frame(kind: str, payload: dict[str, Any], message_type: str = "event") -> bytes:
    """Write an event (or exception) as AWS does: padded, and with its headers."""
    headers = (
        string_header(f":{message_type}-type", kind)
        + string_header(":content-type", "application/json")
        + string_header(":message-type", message_type)
    )
    return raw_frame(headers, orjson.dumps({**payload, "p": "abcdefgh"}))


def opened(index: int, **start: Any) -> bytes:
    """A `contentBlockStart` event."""
    return frame("contentBlockStart", {"contentBlockIndex": index, "start": start})


def delta(index: int, **members: Any) -> bytes:
    """A `contentBlockDelta` event."""
    return frame("contentBlockDelta", {"contentBlockIndex": index, "delta": members})


def closed(index: int) -> bytes:
    """A `contentBlockStop` event."""
    return frame("contentBlockStop", {"contentBlockIndex": index})


START = frame("messageStart", {"role": "assistant"})
USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}


def stopped(reason: str = "end_turn", **members: Any) -> bytes:
    """A `messageStop` event."""
    return frame("messageStop", {"stopReason": reason, **members})


def metadata(**members: Any) -> bytes:
    """The last event."""
    return frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}, **members})


def whole(*content: dict[str, Any], stop: str = "end_turn", **members: Any) -> bytes:
    """A reply in one piece."""
    reply = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": USAGE,
        "metrics": {"latencyMs": 1},
        **members,
    }
    return orjson.dumps(reply)
