"""Reads a reply of an OpenAI dialect by mending it first, then handing it to OpenAI's parser.

What needs no mending goes on byte for byte, and can still pass to the client unread.
"""

from typing import Protocol

import orjson

from gateway.errors import Failure, UpstreamError
from gateway.providers.openai.reply import DONE, MAX_BODY_BYTES, ChatReplyParser
from gateway.types import events as ev
from gateway.types.json import JsonObject
from gateway.wire.sse import SseDecoder, SseEvent, encode_event

_BLANK = b" \t\r\n\xef\xbb\xbf"


class Mender(Protocol):
    """What one dialect says in words of its own, put right; holds the state of one reply."""

    def concerns(self, chunk: bytes) -> bool:
        """Whether a chunk of a stream may need mending, judged by its bytes alone."""
        ...

    def mend(self, reply: JsonObject, *, whole: bool) -> bool:
        """Rewrite a chunk, or a `whole` body, in place; say whether anything was changed."""
        ...


class MendedReply:
    """Parses one 2xx reply; its first byte tells a stream from a JSON body."""

    def __init__(self, inner: ChatReplyParser, mender: Mender) -> None:
        self._inner = inner
        self._mender = mender
        self._decoder: SseDecoder | None = None
        self._body = bytearray()  # of a JSON reply; before the first byte, blanks
        self._is_json = False
        self._is_over = False

    def feed(self, data: bytes) -> list[ev.Event]:
        """Take native bytes, cut anywhere, and return the events they complete.

        Raises UpstreamError(BAD_REPLY) for bytes that are no answer.
        """
        if self._decoder is not None:
            return self._stream(self._decoder, data)
        self._body += data
        if len(self._body) > MAX_BODY_BYTES:
            raise UpstreamError(Failure.BAD_REPLY, "The provider's answer is too large.")
        start = b"" if self._is_json else self._body.lstrip(_BLANK)[:1]
        if start == b"<":
            raise UpstreamError(Failure.BAD_REPLY, "The provider answered with a web page.")
        self._is_json = self._is_json or start in (b"{", b"[")
        if self._is_json or not start:
            return []
        self._decoder = SseDecoder()
        data = bytes(self._body)
        self._body.clear()
        return self._stream(self._decoder, data)

    def finish(self) -> list[ev.Event]:
        """The upstream closed: return the last events.

        Raises UpstreamError: CUT if the reply ended before its end, BAD_REPLY if it is no answer,
        and the provider's own error where a 200 carries one.
        """
        if self._is_over:
            return []
        if self._decoder is None:
            return [*self._inner.feed(self._whole()), *self._inner.finish()]
        # What is left may be torn: then it is as if it had never begun.
        last = [frame for frame in self._decoder.finish() if _is_complete(frame)]
        found = self._inner.feed(b"".join(map(self._frame, last)))
        return [*found, *self._inner.finish()]

    def _stream(self, decoder: SseDecoder, data: bytes) -> list[ev.Event]:
        if self._is_over:
            return []
        try:
            frames = decoder.feed(data)
        except UpstreamError as error:
            self._is_over = True
            return [ev.Error(error)]
        return self._inner.feed(b"".join(map(self._frame, frames))) if frames else []

    def _frame(self, frame: SseEvent) -> bytes:
        if not self._mender.concerns(frame.data):
            return frame.raw
        chunk = _load(frame.data)
        if chunk is None or not self._mender.mend(chunk, whole=False):
            return frame.raw
        return encode_event(orjson.dumps(chunk), frame.event)

    def _whole(self) -> bytes:
        body = bytes(self._body)
        reply = _load(body.strip(_BLANK))
        if reply is None or not self._mender.mend(reply, whole=True):
            return body
        return orjson.dumps(reply)


def _load(data: bytes) -> JsonObject | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _is_complete(frame: SseEvent) -> bool:
    return frame.data.strip() == DONE or _load(frame.data) is not None
