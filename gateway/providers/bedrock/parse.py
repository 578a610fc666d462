"""Bytes of a reply, in: a binary event stream, or one JSON body taken through the same steps."""

import json
import re
from collections.abc import Iterator

import orjson

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.lenient import as_list, as_object
from gateway.providers.bedrock.blocks import ReplySteps
from gateway.providers.bedrock.errors import error_frame, error_in_reply
from gateway.providers.bedrock.eventstream import EventStreamDecoder, Frame
from gateway.providers.bedrock.native import REASONING
from gateway.providers.bedrock.plan import Plan
from gateway.types.events import Event
from gateway.types.json import JsonObject

_BLANK = b" \t\r\n"
_LONG_NUMBER = re.compile(rb"\d{19}")
_ERRORS = ("exception", "error")


class BedrockReply:
    """Parses one 2xx reply of `converse` or `converse-stream`.

    The first byte tells a stream from a JSON body: a frame's length begins with zero, and an error
    may come as JSON where a stream was asked for. `reply_id` is the request id AWS gave.
    """

    def __init__(self, plan: Plan, model: str, reply_id: str | None) -> None:
        self._steps = ReplySteps(plan, model, reply_id)
        self._stream: EventStreamDecoder | None = None
        self._body = bytearray()  # of a JSON reply; before the first byte, blanks
        self._is_json = False

    def feed(self, data: bytes) -> list[Event]:
        """Take native bytes, cut anywhere, and return the events they complete.

        Raises UpstreamError(BAD_REPLY) for bytes that are no answer.
        """
        if self._steps.has_ended:
            return []
        if self._stream is None:
            self._body += data
            first = b"" if self._is_json else self._body.lstrip(_BLANK)[:1]
            self._is_json = self._is_json or first not in (b"", b"\0")
            if self._is_json or not first:
                return []
            self._stream, data = EventStreamDecoder(), bytes(self._body)
        return self._take(self._stream, data)

    def finish(self) -> list[Event]:
        """The upstream closed: return the last events.

        Raises UpstreamError: CUT if the reply ended before its end, BAD_REPLY if it was none.
        """
        if self._stream is None and self._body.strip(_BLANK):
            return self._whole(bytes(self._body))
        if self._steps.has_ended:
            return []
        if self._stream is None or self._stream.has_rest or not self._steps.has_stopped:
            raise UpstreamError(Failure.CUT, "The provider's reply ended before its end.")
        return self._steps.close()

    def _take(self, stream: EventStreamDecoder, data: bytes) -> list[Event]:
        found: list[Event] = []
        for frame in stream.feed(data):
            found += self._step(frame)
            if self._steps.has_ended:
                break
        return found

    def _step(self, frame: Frame) -> list[Event]:
        payload = _load(frame.payload or b"{}")
        if frame.headers.get(":message-type") in _ERRORS:
            return self._steps.fail(error_frame(frame, payload))
        return self._steps.take(frame.headers.get(":event-type", ""), payload)

    def _whole(self, raw: bytes) -> list[Event]:
        body = _load(raw)
        if "output" not in body and ("message" in body or "__type" in body):
            return self._steps.fail(error_in_reply(body))
        found: list[Event] = []
        for name, payload in _events_of(body, raw):
            found += self._steps.take(name, payload)
        return found if self._steps.has_ended else [*found, *self._steps.close()]


def _load(data: bytes) -> JsonObject:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise UpstreamError(Failure.BAD_REPLY, "The provider's reply is no JSON object.")
    return value


def _events_of(body: JsonObject, raw: bytes) -> Iterator[tuple[str, JsonObject]]:
    """Write a whole reply as the events of a stream that says the same."""
    message = as_object(as_object(body.get("output")).get("message"))
    content = message.get("content")
    if not isinstance(content, list):
        raise UpstreamError(Failure.BAD_REPLY, "The provider's reply holds no message.")
    inputs = _exact_inputs(raw)
    yield "messageStart", message
    for index, block in enumerate(content):
        at = {"contentBlockIndex": index}
        for kind, value in as_object(block).items():
            for name, payload in _block_events(kind, value, inputs.get(index)):
                yield name, {**at, **payload}
        yield "contentBlockStop", at
    yield "messageStop", body
    yield "metadata", body


def _block_events(kind: str, value: object, exact: str | None) -> Iterator[tuple[str, JsonObject]]:
    start, delta = "contentBlockStart", "contentBlockDelta"
    inner = as_object(value)
    match kind:
        case "text":
            yield delta, {"delta": {"text": value}}
        case "citationsContent":
            for citation in as_list(inner.get("citations")):
                yield delta, {"delta": {"citation": citation}}
            for part in as_list(inner.get("content")):
                yield delta, {"delta": {"text": as_object(part).get("text")}}
        case "reasoningContent":
            for thought in (inner.get("reasoningText"), {**inner, "reasoningText": None}):
                yield delta, {"delta": {REASONING: as_object(thought)}}
        case "toolUse":
            text = exact if exact is not None else orjson.dumps(inner.get("input") or {}).decode()
            opened = {name: member for name, member in inner.items() if name != "input"}
            yield start, {"start": {kind: opened}}
            yield delta, {"delta": {kind: {"input": text}}}
        case "toolResult":
            opened = {name: member for name, member in inner.items() if name != "content"}
            yield start, {"start": {kind: opened}}
            yield delta, {"delta": {kind: inner.get("content")}}
        case "image":
            yield start, {"start": {kind: {"format": inner.get("format")}}}
            yield delta, {"delta": {kind: inner}}
        case _:
            yield start, {"start": {kind: value}}


def _exact_inputs(raw: bytes) -> dict[int, str]:
    """Return, by block, the inputs of tools with integers beyond 64 bits, which orjson rounds."""
    if not _LONG_NUMBER.search(raw):
        return {}
    try:
        body = as_object(json.loads(raw))
    except (ValueError, RecursionError):
        return {}
    content = as_list(as_object(as_object(body.get("output")).get("message")).get("content"))
    uses = ((index, as_object(as_object(b).get("toolUse"))) for index, b in enumerate(content))
    return {
        index: json.dumps(use["input"], ensure_ascii=False, separators=(",", ":"))
        for index, use in uses
        if "input" in use
    }
