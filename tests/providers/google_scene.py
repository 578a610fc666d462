"""What the tests of Google's providers stand on: a target, a request, a reply."""

import json
from typing import Any

import orjson
from msgspec.structs import replace

from gateway.providers.google import GeminiProvider, VertexProvider
from gateway.types import events as ev
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter

GEMINI = GeminiProvider()
VERTEX = VertexProvider()
HI = [{"role": "user", "content": "hi"}]


def target(
    model: str = "gemini-3-flash-preview",
    base_url: str = "https://generativelanguage.googleapis.com/v1beta",
    settings: dict[str, str] | None = None,
    **info: Any,
) -> Target:
    """A target whose model the catalogue knows nothing of but what `info` says."""
    return Target(
        provider="gemini",
        type="gemini",
        model=model,
        base_url=base_url,
        key_source=KeySource.OWN,
        key_name="gemini",
        audience="google:gemini",
        settings=settings or {},
        info=ModelInfo("gemini", model, **info),
    )


def on_vertex(
    model: str = "gemini-2.5-flash",
    base_url: str = "https://aiplatform.googleapis.com",
    region: str | None = "us-central1",
    project: str | None = "p-123456",
) -> Target:
    """A target on Vertex."""
    given = {"region": region, "project": project}
    settings = {name: value for name, value in given.items() if value is not None}
    return replace(target(model, base_url, settings), provider="vertex", type="vertex")


def provider_of(to: Target) -> GeminiProvider | VertexProvider:
    """The provider of a target."""
    return VERTEX if to.type == "vertex" else GEMINI


def request(body: dict[str, Any], to: Target | None = None) -> UpstreamRequest:
    """Build the native request of a client's body."""
    to = to or target()
    return provider_of(to).build_chat(read_chat({"model": "m", "messages": HI, **body}), to)


def native(body: dict[str, Any], to: Target | None = None) -> dict[str, Any]:
    """Build the native body of a client's body."""
    built: dict[str, Any] = orjson.loads(request(body, to).body)
    return built


def config(body: dict[str, Any], model: str = "gemini-3-flash-preview") -> dict[str, Any]:
    """Build the `generationConfig` of a client's body; {} where there is none."""
    found: dict[str, Any] = native(body, target(model)).get("generationConfig", {})
    return found


def turns(*messages: dict[str, Any], to: Target | None = None) -> list[dict[str, Any]]:
    """Build the native turns of a client's messages."""
    found: list[dict[str, Any]] = native({"messages": list(messages)}, to)["contents"]
    return found


def user(*parts: dict[str, Any] | str) -> dict[str, Any]:
    """A user's turn; strings are texts."""
    return {"role": "user", "parts": [_part(part) for part in parts]}


def model(*parts: dict[str, Any] | str) -> dict[str, Any]:
    """A model's turn; strings are texts."""
    return {"role": "model", "parts": [_part(part) for part in parts]}


def _part(part: dict[str, Any] | str) -> dict[str, Any]:
    return {"text": part} if isinstance(part, str) else part


def called(name: str, call_id: str = "c1", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    """A call as clients replay it."""
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function, **more}


def answered(content: Any, call_id: str = "c1", **more: Any) -> dict[str, Any]:
    """A tool message."""
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def events(
    data: bytes, body: dict[str, Any] | None = None, to: Target | None = None
) -> list[ev.Event]:
    """Parse a whole reply to a client's body."""
    to = to or target()
    chat = read_chat({"model": "m", "messages": HI, **(body or {})})
    parser = provider_of(to).open_reply(chat, to, ReplyHead(200, {}))
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


def fragment(
    *parts: dict[str, Any] | str, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """A fragment of a reply with one candidate; `more` goes into the candidate."""
    candidate: dict[str, Any] = {"index": 0, **more}
    if parts:
        candidate["content"] = {"role": "model", "parts": [_part(part) for part in parts]}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r-1"}


def sse(*fragments: dict[str, Any]) -> bytes:
    """Write fragments as the API streams them."""
    return b"".join(b"data: %s\r\n\r\n" % _dumped(one) for one in fragments)


def whole(*parts: dict[str, Any] | str, finish: str = "STOP", **more: Any) -> bytes:
    """A reply in one piece."""
    return _dumped(fragment(*parts, finish=finish, **more))


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def message(data: bytes, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The message of a reply's only choice."""
    [choice] = completion(data, body)["choices"]
    found: dict[str, Any] = choice["message"]
    return found
