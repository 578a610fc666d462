"""Parses a 2xx reply in OpenAI's chat format, stream or not, whichever was asked for.

What the reply is, is read from its first byte: some servers answer a stream request with one JSON
body, and some label a stream as JSON. In a stream, faults after good frames become an `Error`
event, so that what came before them is not lost and the result does not depend on where the bytes
were cut; a reply that ends before its end raises.
"""

import orjson

from gateway.errors import Failure, UpstreamError
from gateway.providers.openai.chunks import ChunkReader
from gateway.providers.openai.citations import has_citations
from gateway.providers.openai.passable import REPAIR, judge_message
from gateway.providers.openai.quirks import Quirks, StreamEnd
from gateway.providers.openai.template import UNKNOWN, ChunkTemplate
from gateway.providers.openai.usage import read_usage
from gateway.types import events as ev
from gateway.types.chat import ChatRequest
from gateway.types.json import JsonObject
from gateway.types.upstream import ReplyHead, Target
from gateway.wire.sse import SseDecoder, SseEvent, encode_event

MAX_BODY_BYTES = 32 * 1024 * 1024
DONE = b"[DONE]"
_BLANK = b" \t\r\n\xef\xbb\xbf"


class ChatReplyParser:
    """Finds out what kind of reply comes, and lets its reader do the rest."""

    def __init__(self, chat: ChatRequest, target: Target, head: ReplyHead, quirks: Quirks) -> None:
        wanted = chat.extra.get("n")
        choices = wanted if isinstance(wanted, int) else 1
        passing = not chat.legacy_functions
        self._stream = _StreamReply(
            ChunkReader(
                target.model, head, quirks, passing=passing and chat.stream, choices=choices
            ),
            quirks,
        )
        self._body = _WholeReply(
            ChunkReader(target.model, head, quirks, passing=False, choices=choices),
            quirks,
            passing=passing and not chat.stream,
        )
        self._reply: _StreamReply | _WholeReply | None = None
        self._lead = b""  # blanks before the first telling byte

    def feed(self, data: bytes) -> list[ev.Event]:
        """Take native bytes, cut anywhere, and return the events they complete.

        Raises UpstreamError(BAD_REPLY) for bytes that are no answer.
        """
        if self._reply is None:
            data = self._lead + data
            start = data.lstrip(_BLANK)[:1]
            if not start:
                self._lead = data[-64:]
                return []
            if start == b"<":
                raise UpstreamError(Failure.BAD_REPLY, "The provider answered with a web page.")
            self._reply = self._body if start in b"{[" else self._stream
        return self._reply.feed(data)

    def finish(self) -> list[ev.Event]:
        """The upstream closed: return the last events.

        Raises UpstreamError: CUT if the reply ended before its end, BAD_REPLY if it is no answer,
        and the provider's own error where a 200 carries one.
        """
        if self._reply is None:
            raise UpstreamError(Failure.BAD_REPLY, "The provider sent an empty answer.")
        return self._reply.finish()


class _StreamReply:
    """A reply of server-sent chunks.

    A stream without `[DONE]` is complete only where the vendor sends none, and then only with its
    usage: we ask for it, and who honours that announces it by `"usage": null` in every chunk before.
    """

    def __init__(self, reader: ChunkReader, quirks: Quirks) -> None:
        self._reader = reader
        self._done_owed = quirks.end is StreamEnd.DONE
        self._usage_owed = quirks.end is StreamEnd.USAGE
        self._decoder = SseDecoder()
        self._over = False
        self._template: ChunkTemplate | None = None

    def feed(self, data: bytes) -> list[ev.Event]:
        if self._over:
            return []
        try:
            frames = self._decoder.feed(data)
        except UpstreamError as error:
            self._over = True
            return [ev.Error(error)]
        return self._read(frames)

    def finish(self) -> list[ev.Event]:
        if self._over:
            return []
        # What is left may be torn: then it is as if it had never begun.
        last = [frame for frame in self._decoder.finish() if _is_complete(frame)]
        events = self._read(last)
        if events and isinstance(events[-1], ev.End | ev.Error):
            return events
        if self._reader.finished and not self._done_owed and not self._usage_owed:
            return [*events, ev.End()]
        if not self._reader.started:
            raise UpstreamError(Failure.BAD_REPLY, "The provider sent a stream without an answer.")
        raise UpstreamError(Failure.CUT, "The provider's answer ended before it was complete.")

    def _read(self, frames: list[SseEvent]) -> list[ev.Event]:
        events: list[ev.Event] = []
        passing: list[bytes] = []
        bearing = 0
        for frame in frames:
            known = UNKNOWN if self._template is None else self._template.match(frame.data)
            if known != UNKNOWN:
                passing.append(frame.raw if frame.event is None else encode_event(frame.data))
                bearing += known
                continue
            chunk = _parse(frame)
            if chunk is not None and "usage" in chunk:
                self._usage_owed = chunk["usage"] is None
            verdict = REPAIR if chunk is None else self._reader.judge(chunk)
            if chunk is not None and verdict != REPAIR:
                events.extend(self._reader.note(chunk))
                self._template = self._reader.template(frame.data, chunk) or self._template
                passing.append(frame.raw if frame.event is None else encode_event(frame.data))
                bearing += verdict
                continue
            if passing:
                events.append(ev.Verbatim(b"".join(passing), bearing))
                passing, bearing = [], 0
            events.extend(self._take_apart(frame, chunk))
            if self._over:
                return events
        if passing:
            events.append(ev.Verbatim(b"".join(passing), bearing))
        return events

    def _take_apart(self, frame: SseEvent, chunk: JsonObject | None) -> list[ev.Event]:
        events: list[ev.Event] = []
        try:
            if chunk is not None:
                if frame.event == "error" and "error" not in chunk:
                    chunk = {"error": chunk}
                events.extend(self._reader.read(chunk))
            elif frame.data.strip() == DONE:
                events.extend(self._end())
            else:
                events.append(_error(Failure.BAD_REPLY, "The provider sent a malformed event."))
        except UpstreamError as error:
            events.append(ev.Error(error))
        self._over = bool(events) and isinstance(events[-1], ev.End | ev.Error)
        return events

    def _end(self) -> list[ev.Event]:
        if not self._reader.choices:
            return [_error(Failure.BAD_REPLY, "The provider sent a stream without an answer.")]
        return list(self._reader.end())


def _error(failure: Failure, message: str) -> ev.Error:
    return ev.Error(UpstreamError(failure, message))


def _parse(frame: SseEvent) -> JsonObject | None:
    try:
        chunk = orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        return None
    return chunk if isinstance(chunk, dict) else None


def _is_complete(frame: SseEvent) -> bool:
    return frame.data.strip() == DONE or _parse(frame) is not None


class _WholeReply:
    """A reply of one JSON body."""

    def __init__(self, reader: ChunkReader, quirks: Quirks, *, passing: bool) -> None:
        self._reader = reader
        self._quirks = quirks
        self._passing = passing
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[ev.Event]:
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_BODY_BYTES:
            self._parts.clear()
            raise UpstreamError(Failure.BAD_REPLY, "The provider's answer is too large.")
        return []

    def finish(self) -> list[ev.Event]:
        body = b"".join(self._parts).strip(_BLANK)
        try:
            reply = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise UpstreamError(
                Failure.BAD_REPLY, "The provider sent an answer that is not valid JSON."
            ) from None
        if isinstance(reply, list) and reply:
            reply = reply[0]  # an error in a list, as Google's servers write it
        if not isinstance(reply, dict):
            raise UpstreamError(Failure.BAD_REPLY, "The provider sent an answer of unknown form.")
        return self._events(reply, body)

    def _events(self, reply: JsonObject, body: bytes) -> list[ev.Event]:
        self._check_choices(reply)
        usage = read_usage(reply.get("usage"), self._quirks.charge)
        if self._passing and usage is not None and self._is_passable(reply):
            return [self._reader.start(reply), usage, ev.Verbatim(body, 1), ev.End()]
        return [*self._reader.read(reply, whole=True), ev.End()]

    def _check_choices(self, reply: JsonObject) -> None:
        """Refuse what is no answer, so that it never becomes an empty one."""
        if reply.get("error") or reply.get("object") == "error":
            list(self._reader.read(reply))
        choices = reply.get("choices")
        if not isinstance(choices, list) or not any(isinstance(node, dict) for node in choices):
            raise UpstreamError(Failure.BAD_REPLY, "The provider sent an answer without choices.")
        for node in choices:
            if isinstance(node, dict) and node.get("error"):  # OpenRouter reports it in the choice
                list(self._reader.read({"error": node["error"]}))

    def _is_passable(self, reply: JsonObject) -> bool:
        if reply.get("object") != "chat.completion":
            return False
        if self._quirks.citations and has_citations(reply):
            return False
        if not reply.get("id") or not reply.get("model") or type(reply.get("created")) is not int:
            return False
        return all(
            type(node) is dict
            and node.get("index") == place
            and judge_message(node, self._quirks) != REPAIR
            for place, node in enumerate(reply["choices"])
        )
