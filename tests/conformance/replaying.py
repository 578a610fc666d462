"""Runs recorded exchanges through a provider and the writers, and through the official client."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpx2
import openai
from msgspec.structs import replace
from openai.lib.streaming.chat import ChatCompletionStreamState

from gateway.providers.base import Provider
from gateway.types import events as ev
from gateway.types.chat import ChatRequest
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter, StreamWriter
from tests.conformance.recordings import Exchange

HI = {"role": "user", "content": "hi"}
SMALL = 6_000  # bytes: replies up to here run byte by byte in the default run


def target(kind: str, model: str = "m", base_url: str = "https://up.example/v1") -> Target:
    """A target whose model no catalogue knows."""
    return Target(
        provider=kind,
        type=kind,
        model=model,
        base_url=base_url,
        key_source=KeySource.OWN,
        key_name=None,
        audience="",
        settings={},
        info=ModelInfo(kind, model, known=False),
    )


def is_whole(exchange: Exchange) -> bool:
    """Whether the answer is one JSON body."""
    return exchange.body.lstrip().startswith(b"{")


def asked(*, stream: bool) -> ChatRequest:
    """Some request; what a reply says depends on little of it."""
    return replace(read_chat({"messages": [HI]}), stream=stream, include_usage=stream)


def parse(
    provider: Provider, chat: ChatRequest, exchange: Exchange, pieces: Iterable[bytes] | None = None
) -> list[ev.Event]:
    """Feed a reply in pieces; what passes unchanged is joined, so that cuts do not show."""
    head = ReplyHead(exchange.status, exchange.headers)
    parser = provider.open_reply(chat, target(exchange.provider), head)
    events: list[ev.Event] = []
    for piece in [exchange.body] if pieces is None else pieces:
        events += parser.feed(piece)
    events += parser.finish()
    joined: list[ev.Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, ev.Verbatim) and isinstance(last, ev.Verbatim):
            joined[-1] = ev.Verbatim(last.data + event.data, last.deltas + event.deltas)
        else:
            joined.append(event)
    return joined


def completed(events: Sequence[ev.Event]) -> dict[str, Any]:
    """Write events as one completion."""
    writer = CompletionWriter(asked(stream=False), id="own", created=1_700_000_000, model="m")
    for event in events:
        writer.add(event)
    body: dict[str, Any] = json.loads(writer.body())
    return body


def streamed(events: Sequence[ev.Event]) -> bytes:
    """Write events as a stream, with usage at its end."""
    writer = StreamWriter(
        asked(stream=True), id="own", created=1_700_000_000, model="m", usage_wanted=True
    )
    return b"".join(writer.write(event) for event in events)


async def gathered(body: bytes) -> dict[str, Any]:
    """Return what the official client makes of a stream of ours."""

    def reply(_: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=body)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(reply)) as http:
        client = openai.AsyncOpenAI(api_key="k", base_url="http://gateway/v1", http_client=http)
        messages: Any = [HI]
        state = ChatCompletionStreamState()
        async for chunk in await client.chat.completions.create(
            model="m", messages=messages, stream=True
        ):
            state.handle_chunk(chunk)
        snapshot: dict[str, Any] = state.current_completion_snapshot.model_dump(exclude_unset=True)
        return snapshot


def comparable(completion: dict[str, Any]) -> dict[str, Any]:
    """Return a completion's content, without what streams and bodies spell differently."""
    choices = []
    for choice in completion["choices"]:
        message = {n: v for n, v in choice["message"].items() if v and n != "parsed"}
        for call in message.get("tool_calls") or []:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        choices.append((choice["index"], choice["finish_reason"], message))
    usage = {n: v for n, v in (completion.get("usage") or {}).items() if v is not None}
    return {"choices": choices, "usage": usage, "model": completion["model"]}


def frames(body: bytes) -> list[bytes]:
    """Return the frames of a stream, each with the blank line that ends it."""
    parts = body.replace(b"\r\n", b"\n").split(b"\n\n")
    return [frame + b"\n\n" for frame in parts if frame.strip()]


def bytewise(body: bytes) -> list[bytes]:
    """Return a body one byte at a time."""
    return [body[n : n + 1] for n in range(len(body))]


def each(exchanges: Iterable[Exchange], check: Callable[[Exchange], None]) -> None:
    """Check every exchange, and name those that fail."""
    failed: list[str] = []
    count = 0
    for exchange in exchanges:
        count += 1
        try:
            check(exchange)
        except Exception as fault:  # noqa: BLE001  # whatever it is: named, and failed below
            failed.append(f"{exchange.id}: {fault!r:.1200}")
    assert count
    assert not failed, "\n".join([f"{len(failed)} of {count} fail", *failed[:5]])
