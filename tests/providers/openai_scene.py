"""Short ways to a target, a request and a reply of an OpenAI-format provider."""

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.providers.openai import OpenAIProvider
from gateway.providers.registry import PROVIDERS
from gateway.types import events as ev
from gateway.types.chat import ChatRequest
from gateway.types.json import JsonObject
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_read import read_chat

USER = {"role": "user", "content": "hi"}
DONE = b"data: [DONE]\n\n"


def provider(name: str = "openai") -> OpenAIProvider:
    found = PROVIDERS[name]
    assert isinstance(found, OpenAIProvider)
    return found


def target(name: str = "openai", base_url: str = "https://up.example/v1", **info: Any) -> Target:
    return Target(
        provider=name,
        type=name,
        model="model-1",
        base_url=base_url,
        key_source=KeySource.OWN,
        key_name=None,
        audience="",
        settings={},
        info=ModelInfo(name, "model-1", **info),
    )


def chat(*messages: Any, **members: Any) -> ChatRequest:
    return read_chat({"messages": list(messages) or [USER], **members})


def sent(name: str, *messages: Any, info: Any = None, **members: Any) -> JsonObject:
    """Return the body that a provider is sent for a request."""
    request = provider(name).build_chat(chat(*messages, **members), target(name, **(info or {})))
    body: JsonObject = orjson.loads(request.body)
    return body


def read(
    pieces: Iterable[bytes], name: str = "openai", *, status: int = 200, **members: Any
) -> list[ev.Event]:
    """Return the events of a reply to a streaming request, fed in pieces."""
    members = {"stream": True, **members}
    parser = provider(name).open_reply(chat(**members), target(name), ReplyHead(status, {}))
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.finish()


def frame(data: Any) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def chunk(
    delta: Any, finish: str | None = None, *, index: Any = 0, drop: str = "", **members: Any
) -> bytes:
    """Return a frame as OpenAI writes it; `drop` leaves out a member of the top level."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "model-1",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
        **members,
    }
    body.pop(drop, None)
    return frame(body)


ROLE = chunk({"role": "assistant", "content": ""})


def body(message: Any, finish: Any = "stop", **members: Any) -> bytes:
    """Return a whole reply as OpenAI writes it."""
    return orjson.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "model-1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": None, "refusal": None, **message},
                    "logprobs": None,
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            **members,
        }
    )
