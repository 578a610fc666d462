"""How Bedrock, Cohere and Mistral are asked in tests, and how their streams are read."""

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.sandbox.talking import read_sse

COHERE = "/cohere/v2/chat"
MISTRAL = "/mistral/v1/chat/completions"

Events = list[tuple[str, Any]]


def converse(model: str, *, stream: bool = False, region: str = "") -> str:
    """Return the path of a Converse call."""
    return f"/bedrock{region}/model/{model}/converse{'-stream' if stream else ''}"


def said(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    """Return a Converse message."""
    return {"role": role, "content": list(blocks)}


def block(text: str = "hello there") -> dict[str, Any]:
    """Return a Converse block of text."""
    return {"text": text}


def spec(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a tool as Converse wants it."""
    return {"toolSpec": {"name": name, "inputSchema": {"json": schema}}}


def read_frames(data: bytes, *, check: bool = True) -> Events:
    """Return (kind, payload) of every frame of an event stream; wrong checksums fail."""
    return [(kind, payload) for kind, payload, _ in read_framing(data, check=check)]


def read_framing(data: bytes, *, check: bool = True) -> list[tuple[str, Any, dict[str, str]]]:
    """Return (kind, payload, headers) of every whole frame."""
    found = []
    at = 0
    while at < len(data):
        total, size = struct.unpack_from(">II", data, at)
        frame = data[at : at + total]
        if len(frame) < total:
            break
        (prelude,) = struct.unpack_from(">I", frame, 8)
        (whole,) = struct.unpack_from(">I", frame, total - 4)
        assert prelude == zlib.crc32(frame[:8])
        assert not check or whole == zlib.crc32(frame[:-4])
        headers = _read_headers(frame[12 : 12 + size])
        kind = headers.get(":event-type") or headers[":exception-type"]
        found.append((kind, json.loads(frame[12 + size : -4]), headers))
        at += total
    return found


def _read_headers(data: bytes) -> dict[str, str]:
    headers = {}
    at = 0
    while at < len(data):
        name = data[at + 1 : at + 1 + data[at]].decode()
        at += 1 + data[at]
        kind, length = struct.unpack_from(">BH", data, at)
        assert kind == 7  # text
        headers[name] = data[at + 3 : at + 3 + length].decode()
        at += 3 + length
    return headers


def count_damaged(data: bytes) -> int:
    """Return how many frames have a checksum that does not fit."""
    found = at = 0
    while at < len(data):
        (total,) = struct.unpack_from(">I", data, at)
        frame = data[at : at + total]
        found += struct.unpack(">I", frame[-4:])[0] != zlib.crc32(frame[:-4])
        at += total
    return found


def _text_of_frames(events: Events) -> str:
    return "".join(
        data["delta"].get("text", "") for kind, data in events if kind == "contentBlockDelta"
    )


def _text_of_cohere(events: Events) -> str:
    return "".join(
        data["delta"]["message"]["content"].get("text", "")
        for kind, data in events
        if kind == "content-delta"
    )


def _text_of_chunks(events: Events) -> str:
    deltas = [data["choices"][0]["delta"] for _, data in events if isinstance(data, dict)]
    contents = [delta.get("content") for delta in deltas]
    return "".join(one for one in contents if isinstance(one, str))


@dataclass(frozen=True)
class Dialect:
    """One format: where a request goes, what it looks like, and how what comes back is read.

    `opening` is how many events a stream of text begins with before the first word.
    """

    name: str
    stream_type: str
    opening: int
    read: Callable[[bytes], Events]
    text: Callable[[Events], str]
    whole: Callable[[Any], str]

    def path(self, model: str, stream: bool = False) -> str:
        """Return where a chat request goes."""
        match self.name:
            case "bedrock":
                return converse(model, stream=stream)
            case "cohere":
                return COHERE
            case _:
                return MISTRAL

    def body(
        self, model: str, text: str = "hello there", stream: bool = False, **more: Any
    ) -> dict[str, Any]:
        """Return a chat request of one user message."""
        if self.name == "bedrock":
            return {"messages": [said("user", block(text))], **more}
        return {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "stream": stream,
            **more,
        }

    def ask(
        self, http: httpx.Client, model: str, text: str = "hello there", **more: Any
    ) -> httpx.Response:
        """Send a chat request and return the whole reply; `timeout` is the client's."""
        stream, timeout = more.pop("stream", False), more.pop("timeout", 20)
        body = self.body(model, text, stream, **more)
        return http.post(self.path(model, stream), json=body, timeout=timeout)

    def count(self, data: bytes) -> int:
        """Return how many whole events there are."""
        if self.name == "bedrock":
            return len(read_frames(data))
        return data.count(b"\n\n")


def _read_text(data: bytes) -> Events:
    return read_sse(data.decode())


DIALECTS = (
    Dialect(
        "bedrock",
        "application/vnd.amazon.eventstream",
        1,
        read_frames,
        _text_of_frames,
        lambda reply: "".join(one["text"] for one in reply["output"]["message"]["content"]),
    ),
    Dialect(
        "cohere",
        "text/event-stream",
        2,
        _read_text,
        _text_of_cohere,
        lambda reply: "".join(one["text"] for one in reply["message"]["content"]),
    ),
    Dialect(
        "mistral",
        "text/event-stream; charset=utf-8",
        1,
        _read_text,
        _text_of_chunks,
        lambda reply: str(reply["choices"][0]["message"]["content"]),
    ),
)
