"""Short ways to a target, a request and a reply of Azure."""

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.providers.azure import AzureProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target, UpstreamRequest
from gateway.wire.chat_read import read_chat

PROVIDER = AzureProvider()
HI = {"role": "user", "content": "hi"}
NEWEST: dict[str, str] = {"azure_resource": "res"}


def target(
    base_url: str = "",
    settings: dict[str, str] | None = None,
    *,
    model: str = "gpt-4o",
    **info: Any,
) -> Target:
    """A target by resource, unless an address is given."""
    return Target(
        provider="azure",
        type="azure",
        model=model,
        base_url=base_url,
        key_source=KeySource.OWN,
        key_name="azure",
        audience="https://res.openai.azure.com",
        settings=NEWEST if settings is None else settings,
        info=ModelInfo("azure", model, **info),
    )


def request(to: Target | None = None, **members: Any) -> UpstreamRequest:
    """Build the native request of a client's body."""
    return PROVIDER.build_chat(read_chat({"messages": [HI], **members}), to or target())


def sent(to: Target | None = None, **members: Any) -> Any:
    """Build the native body of a client's body."""
    return orjson.loads(request(to, **members).body)


def read(pieces: Iterable[bytes], *, stream: bool = True) -> list[ev.Event]:
    """Return the events of a reply, fed in pieces."""
    chat = read_chat({"messages": [HI], "stream": stream})
    parser = PROVIDER.open_reply(chat, target(), ReplyHead(200, {}))
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.finish()


def frame(data: Any) -> bytes:
    """Write a frame of a stream."""
    return b"data: " + orjson.dumps(data) + b"\n\n"
