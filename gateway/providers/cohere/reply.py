"""Bytes of a reply, in: a stream of events, or one JSON message taken through the same steps.

Faults after good events become an `Error` event, so that what came before them is not lost and the
result does not depend on where the bytes were cut.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.names import Names
from gateway.providers.cohere.steps import ReplySteps, read_logprobs
from gateway.types import events as ev
from gateway.types.json import JsonObject
from gateway.wire.sse import SseDecoder, SseEvent

MAX_BODY_BYTES = 32 * 1024 * 1024
_MAX_EVENT_BYTES = 4 * 1024 * 1024  # a citation carries its whole document
_DONE = b"[DONE]"
_BLANK = b" \t\r\n\xef\xbb\xbf"


class CohereReply:
    """Parses one 2xx reply of `/v2/chat`; its first byte tells a stream from a JSON body."""

    def __init__(self, model: str, names: Names) -> None:
        self._steps = ReplySteps(model, names)
        self._stream: SseDecoder | None = None
        self._body = bytearray()  # of a JSON reply; before the first byte, blanks
        self._is_json = False

    def feed(self, data: bytes) -> list[ev.Event]:
        """Take native bytes, cut anywhere, and return the events they complete.

        Raises UpstreamError(BAD_REPLY) for bytes that are no answer.
        """
        if self._stream is not None:
            return self._take_bytes(data)
        self._body += data
        if len(self._body) > MAX_BODY_BYTES:
            raise UpstreamError(Failure.BAD_REPLY, "The provider's answer is too large.")
        start = b"" if self._is_json else self._body.lstrip(_BLANK)[:1]
        if start == b"<":
            raise UpstreamError(Failure.BAD_REPLY, "The provider answered with a web page.")
        self._is_json = self._is_json or start in (b"{", b"[")
        if self._is_json or not start:
            return []
        self._stream = SseDecoder(_MAX_EVENT_BYTES)
        data = bytes(self._body)
        self._body.clear()
        return self._take_bytes(data)

    def finish(self) -> list[ev.Event]:
        """The upstream closed: return the last events.

        Raises UpstreamError: CUT if the reply ended before its end, BAD_REPLY if it is no answer.
        """
        if self._stream is None:
            return self._whole()
        # What is left may be torn: then it is as if it had never begun.
        last = [] if self._steps.has_ended else self._stream.finish()
        found = self._take([frame for frame in last if _load(frame.data) is not None])
        if not self._steps.has_ended:
            raise UpstreamError(Failure.CUT, "The provider's answer ended before it was complete.")
        return found

    def _take_bytes(self, data: bytes) -> list[ev.Event]:
        if self._stream is None or self._steps.has_ended:
            return []
        try:
            frames = self._stream.feed(data)
        except UpstreamError as error:
            self._steps.has_ended = True
            return [ev.Error(error)]
        return self._take(frames)

    def _take(self, frames: list[SseEvent]) -> list[ev.Event]:
        found: list[ev.Event] = []
        for frame in frames:
            if self._steps.has_ended:
                break
            if frame.data.strip() == _DONE:
                continue
            event = _load(frame.data)
            if event is None:
                self._steps.has_ended = True
                fault = UpstreamError(Failure.BAD_REPLY, "The provider sent a malformed event.")
                return [*found, ev.Error(fault)]
            if "type" not in event and frame.event is not None:
                event["type"] = frame.event
            found.extend(self._steps.take(event))
        return found

    def _whole(self) -> list[ev.Event]:
        body = _load(bytes(self._body))
        if body is None:
            raise UpstreamError(
                Failure.BAD_REPLY, "The provider sent an answer that is no JSON object."
            )
        return [event for step in _events_of(body) for event in self._steps.take(step)]


def _load(data: bytes) -> JsonObject | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _events_of(body: JsonObject) -> Iterator[JsonObject]:
    """Write a whole reply as the events of a stream that says the same."""
    message = body.get("message")
    if not isinstance(message, dict):
        if isinstance(message, str) or body.get("error"):
            yield {**body, "type": "error"}
            return
        raise UpstreamError(Failure.BAD_REPLY, "The provider's answer holds no message.")
    yield {"type": "message-start", "id": body.get("id")}
    yield _event("tool-plan-delta", 0, "tool_plan", message.get("tool_plan"))
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else _list(content)
    for index, part in enumerate(parts):
        yield _event("content-start", index, "content", part)
    for item in _list(body.get("logprobs")):
        if read_logprobs([item]) is not None:
            yield {"type": "content-delta", "logprobs": item}
    for index, call in enumerate(_list(message.get("tool_calls"))):
        yield _event("tool-call-start", index, "tool_calls", call)
        yield {"type": "tool-call-end", "index": index}
    yield _event("citation-start", 0, "citations", _list(message.get("citations")))
    yield {"type": "message-end", "delta": body}


def _event(kind: str, index: int, member: str, value: Any) -> JsonObject:
    return {"type": kind, "index": index, "delta": {"message": {member: value}}}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
