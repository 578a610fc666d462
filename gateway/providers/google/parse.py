"""Bytes of a reply, in: a stream of events, a stream of array members, or one JSON body.

The first byte tells which: without `alt=sse` the stream is one JSON array, proxies change content
types, and an error may come as JSON where a stream was asked for. In a stream, faults after good
fragments become an `Error` event, so that what came before them is not lost and the result does not
depend on where the bytes were cut.
"""

import re
from typing import Any

from gateway.errors import Failure, UpstreamError
from gateway.providers.google.json_text import load
from gateway.providers.google.plan import Plan
from gateway.providers.google.reply import ReplySteps
from gateway.types import events as ev
from gateway.wire.sse import SseDecoder

_MAX_BYTES = 64 * 1024 * 1024  # of one fragment: pictures come inline
_BLANK = b" \t\r\n\xef\xbb\xbf"
_TOKENS = re.compile(rb'["\\{}\[\]]')


class GoogleReply:
    """Parses one 2xx reply of `generateContent` or `streamGenerateContent`."""

    def __init__(self, plan: Plan, model: str) -> None:
        self._steps = ReplySteps(plan, model)
        self._lead = b""  # blanks before the first telling byte
        self._source: _Events | _Members | _Body | None = None

    def feed(self, data: bytes) -> list[ev.Event]:
        """Take native bytes, cut anywhere, and return the events they complete.

        Raises UpstreamError(BAD_REPLY) for bytes that are no answer.
        """
        if self._steps.has_failed:
            return []
        if self._source is None:
            data = self._lead + data
            first = data.lstrip(_BLANK)[:1]
            if not first:
                self._lead = data[-64:]
                return []
            if first == b"<":
                raise UpstreamError(Failure.BAD_REPLY, "The provider answered with a web page.")
            self._source = _source_of(first)
            data = data.lstrip(_BLANK)
        return self._take(self._source.feed(data))

    def finish(self) -> list[ev.Event]:
        """The upstream closed: return the last events.

        Raises UpstreamError: CUT if the reply ended before its end, BAD_REPLY if it was none.
        """
        if self._steps.has_failed:
            return []
        if self._source is None:
            raise UpstreamError(Failure.CUT, "The provider sent an empty answer.")
        found = self._take(self._source.finish())
        return [*found, *self._steps.finish(is_whole=isinstance(self._source, _Body))]

    def _take(self, fragments: "list[Any]") -> list[ev.Event]:
        found: list[ev.Event] = []
        for fragment in fragments:
            if self._steps.has_failed:
                break
            if not isinstance(fragment, dict):
                self._steps.has_failed = True
                fault = UpstreamError(Failure.BAD_REPLY, "The provider sent a malformed event.")
                found.append(ev.Error(fault))
                break
            found.extend(self._steps.take(fragment))
        return found


def _source_of(first: bytes) -> "_Events | _Members | _Body":
    match first:
        case b"{":
            return _Body()
        case b"[":
            return _Members()
        case _:
            return _Events()


class _Events:
    """Fragments in server-sent events."""

    def __init__(self) -> None:
        self._decoder = SseDecoder(_MAX_BYTES)

    def feed(self, data: bytes) -> list[Any]:
        return [load(f.data) for f in self._decoder.feed(data) if f.data.strip() != b"[DONE]"]

    def finish(self) -> list[Any]:
        """Return the event whose blank line was missing; one that is torn means a cut."""
        found = [load(f.data) for f in self._decoder.finish() if f.data.strip() != b"[DONE]"]
        if not all(isinstance(fragment, dict) for fragment in found):
            raise _cut()
        return found


class _Members:
    """Fragments as the members of one JSON array, given out as each is complete."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._seen = 0  # bytes of the rest that were looked at
        self._start = 0
        self._depth = 0
        self._in_text = False
        self._is_over = False

    def feed(self, data: bytes) -> list[Any]:
        self._rest += data
        if len(self._rest) > _MAX_BYTES:
            raise UpstreamError(Failure.BAD_REPLY, "The provider's answer is too large.")
        found: list[Any] = []
        at = self._seen
        while (token := _TOKENS.search(self._rest, at)) is not None:
            at = token.end()
            if token[0] == b"\\" and self._in_text:
                if at >= len(self._rest):
                    at -= 1  # what is escaped has yet to come
                    break
                at += 1
            elif token[0] == b'"':
                self._in_text = not self._in_text
            elif not self._in_text:
                self._bracket(token[0], at, found)
        else:
            at = len(self._rest)
        self._seen = at
        if self._depth < 2:
            del self._rest[: self._seen]
            self._seen = 0
        return found

    def finish(self) -> list[Any]:
        if not self._is_over:
            raise _cut()
        return []

    def _bracket(self, token: bytes, end: int, found: list[Any]) -> None:
        """Follow the depth: members stand at the second level."""
        if token in b"{[":
            self._depth += 1
            if self._depth == 2:
                self._start = end - 1
            return
        self._depth -= 1
        if self._depth == 1:
            found.append(load(bytes(self._rest[self._start : end])))
        self._is_over = self._is_over or self._depth == 0


class _Body:
    """One JSON object: the whole reply."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Any]:
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MAX_BYTES:
            self._parts.clear()
            raise UpstreamError(Failure.BAD_REPLY, "The provider's answer is too large.")
        return []

    def finish(self) -> list[Any]:
        body = load(b"".join(self._parts))
        if not isinstance(body, dict):
            raise _cut()
        return [body]


def _cut() -> UpstreamError:
    return UpstreamError(Failure.CUT, "The provider's reply ended before its end.")
