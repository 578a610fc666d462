"""Bytes of a reply, in: a stream of events, or one JSON message taken through the same steps."""

import json
import re
from collections.abc import Iterator

import orjson

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.blocks import ReplySteps
from gateway.providers.anthropic.lenient import as_object
from gateway.providers.anthropic.plan import Plan
from gateway.types.events import Event
from gateway.types.json import JsonObject
from gateway.wire.sse import SseDecoder, SseEvent

# A web page or PDF that a tool on the provider's side fetched comes in one event.
_MAX_EVENT_BYTES = 64 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n" + _BOM
_LONG_NUMBER = re.compile(rb"\d{19}")
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


class AnthropicReply:
    """Parses one 2xx reply of `/v1/messages`.

    The first byte tells a stream from a JSON body: proxies change content types, and an error may
    come as JSON where a stream was asked for.
    """

    def __init__(self, plan: Plan, model: str) -> None:
        self._steps = ReplySteps(plan, model)
        self._stream: SseDecoder | None = None
        self._body = bytearray()  # of a JSON reply; before the first byte, blanks
        self._is_json = False

    def feed(self, data: bytes) -> list[Event]:
        """Take native bytes, cut anywhere, and return the events they complete.

        Raises UpstreamError(BAD_REPLY) for bytes that are no answer.
        """
        if self._stream is not None:
            return self._take(self._stream.feed(data))
        self._body += data
        first = b"" if self._is_json else self._body.lstrip(_BLANK)[:1]
        self._is_json = self._is_json or first in (b"{", b"[", b"<")
        if self._is_json or not first:
            return []
        self._stream = SseDecoder(_MAX_EVENT_BYTES)
        data = bytes(self._body)
        self._body.clear()
        return self._take(self._stream.feed(data))

    def finish(self) -> list[Event]:
        """The upstream closed: return the last events.

        Raises UpstreamError: CUT if the reply ended before its end, BAD_REPLY if it was none.
        """
        found: list[Event] = []
        if self._stream is not None:
            found = self._take(self._stream.finish())
        elif self._body:
            found = self._whole(_load(bytes(self._body), "reply"))
        if not self._steps.has_ended:
            raise UpstreamError(Failure.CUT, "The provider's reply ended before its end.")
        return found

    def _take(self, frames: list[SseEvent]) -> list[Event]:
        found: list[Event] = []
        for frame in frames:
            if self._steps.has_ended:
                break
            if frame.data.strip() == b"[DONE]":  # servers that imitate both formats send it
                continue
            event = _load(frame.data, "stream event")
            if "type" not in event:
                event["type"] = "error" if "error" in event else frame.event
            found.extend(self._steps.take(event))
        return found

    def _whole(self, body: JsonObject) -> list[Event]:
        found: list[Event] = []
        for event in _events_of(body, bytes(self._body)):
            found.extend(self._steps.take(event))
        return found


def _load(data: bytes, what: str) -> JsonObject:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _load_mended(data)
    if not isinstance(value, dict):
        raise UpstreamError(
            Failure.BAD_REPLY, f"The provider sent a {what} that is no JSON object."
        )
    return value


def _load_mended(data: bytes) -> object:
    """Parse JSON that names half of a surrogate pair, as servers do that cut text anywhere."""

    def mend(found: re.Match[bytes]) -> bytes:
        return b"\\ufffd" if len(found[0]) == 6 else found[0]

    try:
        return orjson.loads(_SURROGATES.sub(mend, data.removeprefix(_BOM)))
    except orjson.JSONDecodeError:
        return None


def _events_of(body: JsonObject, raw: bytes) -> Iterator[JsonObject]:
    """Write a whole reply as the events of a stream that says the same."""
    if body.get("type") == "error" or body.get("error"):
        yield {**body, "type": "error"}
        return
    content = body.get("content")
    if not isinstance(content, list):
        raise UpstreamError(Failure.BAD_REPLY, "The provider's reply holds no message.")
    inputs = _exact_inputs(raw)
    head = {name: body.get(name) for name in ("id", "model", "usage")}
    yield {"type": "message_start", "message": head}
    for index, block in enumerate(content):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        if index in inputs:
            delta = {"type": "input_json_delta", "partial_json": inputs[index]}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {**body, "type": "message_delta", "delta": body}
    yield {"type": "message_stop"}


def _exact_inputs(raw: bytes) -> dict[int, str]:
    """Return, by block, the inputs of tools with integers beyond 64 bits, which orjson rounds."""
    if not _LONG_NUMBER.search(raw):
        return {}
    try:
        content = as_object(json.loads(raw)).get("content")
    except (ValueError, RecursionError):
        return {}
    return {
        index: json.dumps(block["input"], ensure_ascii=False, separators=(",", ":"))
        for index, block in enumerate(content if isinstance(content, list) else ())
        if as_object(block).get("type") == "tool_use" and "input" in block
    }
