"""Short ways to a target, a request and a reply of Mistral."""

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.providers.mistral import MistralProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter

PROVIDER = MistralProvider()
HI = {"role": "user", "content": "hi"}
DONE = b"data: [DONE]\n\n"


def target(model: str = "mistral-large-latest", **info: Any) -> Target:
    """A target whose model the catalogue knows nothing of but what `info` says."""
    return Target(
        provider="mistral",
        type="mistral",
        model=model,
        base_url="https://api.mistral.ai/v1",
        key_source=KeySource.OWN,
        key_name="mistral",
        audience="mistral",
        settings={},
        info=ModelInfo("mistral", model, **info),
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


def events(pieces: Iterable[bytes], **members: Any) -> list[ev.Event]:
    """Return the events of a reply to a client's body, fed in pieces."""
    chat = read_chat({"messages": [HI], **members})
    parser = PROVIDER.open_reply(chat, target(), ReplyHead(200, {}))
    found = [event for piece in pieces for event in parser.feed(piece)]
    return found + parser.finish()


def completion(data: bytes, **members: Any) -> Any:
    """Parse a whole reply to a client's body and write it as one completion."""
    chat = read_chat({"messages": [HI], **members})
    writer = CompletionWriter(chat, id="own", created=0, model="m")
    for event in events([data], **members):
        writer.add(event)
    return orjson.loads(writer.body())


def chunk(delta: Any, finish: str | None = None, **members: Any) -> bytes:
    """Write a frame of a stream as Mistral does."""
    body = {
        "id": "0123",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "mistral-large-latest",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **members,
    }
    return b"data: " + orjson.dumps(body) + b"\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
USAGE = {"prompt_tokens": 10, "total_tokens": 13, "completion_tokens": 3}


def body(message: Any, finish: str = "stop", **members: Any) -> bytes:
    """Write a whole reply as Mistral does."""
    return orjson.dumps(
        {
            "id": "0123",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "mistral-large-latest",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "tool_calls": None, **message},
                }
            ],
            "usage": USAGE,
            **members,
        }
    )
