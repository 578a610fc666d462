"""Writes a reply piece by piece: as events, or as the pieces of one JSON array.

Every piece is a whole response with what is new. Usage is cumulative on Gemini's own API and comes
last on Vertex. There is no event for the end: the last piece has a finish reason, and that is all.
"""

import json
from collections.abc import Generator, Iterator
from typing import Any

import orjson

from gateway.sandbox.formats.base import Frame, Reply
from gateway.sandbox.formats.google.signatures import TEXT, sign
from gateway.sandbox.formats.google.writing import Pen, blocks_of
from gateway.sandbox.script import Finish
from gateway.sandbox.tape import Beat, Kind

_SILENT = (Finish.REFUSAL, Finish.FILTER)


def write_event(value: Any) -> bytes:
    """Return one event, spaced and escaped as the vendor does."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ": "))
    return b"data: %s\r\n\r\n" % data.replace("<", "\\u003c").replace(">", "\\u003e").encode()


def write_item(value: Any, *, first: bool) -> bytes:
    """Return one item of the array that stands for a stream where events were not asked for."""
    return (b"[" if first else b",\r\n") + orjson.dumps(value, option=orjson.OPT_INDENT_2)


def stream_reply(reply: Reply, *, vertex: bool, array: bool) -> Iterator[Frame]:
    """Yield the pieces of a reply."""
    for at, (value, output, reasoning) in enumerate(_Pieces(reply, vertex=vertex).all()):
        data = write_item(value, first=at == 0) if array else write_event(value)
        yield Frame(data, output, reasoning)
    if array:
        yield Frame(b"\n]")


Piece = tuple[dict[str, Any], int, int]
"""A response, and the tokens of answer and thoughts that it sells."""


class _Pieces:
    """One stream: keeps count of what was sold."""

    def __init__(self, reply: Reply, *, vertex: bool) -> None:
        self._reply = reply
        self._pen = Pen(reply, vertex)
        self._output = self._reasoning = 0
        # Thoughts nobody sees are sold with the first piece; the others one by one.
        self._hidden = sum(
            beat.tokens
            for beat in reply.tape.beats
            if beat.kind is Kind.REDACTED
            or (beat.kind is Kind.THINK and not reply.prompt.shows_thinking)
        )
        self._called = False

    def all(self) -> Iterator[Piece]:
        if self._reply.tape.finish is Finish.BLOCKED:
            yield self._pen.envelope(None, self._pen.usage(0, 0)), 0, 0
            return
        pending = 0
        for beats in blocks_of(self._reply):
            match beats[0].kind:
                case Kind.THINK if self._reply.prompt.shows_thinking:
                    for beat in beats:
                        yield from self._say({"text": beat.text, "thought": True}, 0, beat)
                case Kind.SAY:
                    for beat in beats:
                        yield from self._say({"text": beat.text}, beat.tokens, beat)
                case Kind.CALL:
                    pending += yield from self._call(beats)
                case Kind.REFUSE:
                    pending += sum(beat.tokens for beat in beats)
                case _:
                    pass  # thoughts that are not shown are only counted
        yield from self._end(pending)

    def _call(self, beats: list[Beat]) -> Generator[Piece, None, int]:
        """Yield a call, which never comes in pieces; return the tokens of one that was cut short."""
        tokens = sum(beat.tokens for beat in beats)
        part = self._pen.call(beats, first=not self._called)
        if part is None:
            return tokens
        self._called = True
        yield from self._say(part, tokens, None)
        return 0

    def _say(self, part: dict[str, Any], output: int, beat: Beat | None) -> Iterator[Piece]:
        for index in range(self._reply.prompt.choices):
            candidate = self._pen.candidate([part], index, ends=False)
            if beat is not None and beat.kind is Kind.SAY and self._reply.prompt.logprobs:
                candidate["logprobsResult"] = self._pen.logprobs([beat])
            thought = beat.tokens if beat is not None and beat.kind is Kind.THINK else 0
            yield self._sell(candidate, output, thought)
        self._hidden = 0

    def _end(self, pending: int) -> Iterator[Piece]:
        finish, last = self._reply.tape.finish, self._reply.prompt.choices - 1
        part: dict[str, Any] = {"text": ""}
        if self._reply.tape.reasoning and not self._called:
            part["thoughtSignature"] = sign(TEXT)
        parts = None if finish in _SILENT else [part]
        for index in range(last + 1):
            candidate = self._pen.candidate(parts, index, ends=True)
            yield self._sell(candidate, pending, 0, is_last=index == last)

    def _sell(
        self, candidate: dict[str, Any], output: int, thought: int, *, is_last: bool = False
    ) -> Piece:
        thought += self._hidden
        self._output += output
        self._reasoning += thought
        usage: dict[str, Any] = {"trafficType": "ON_DEMAND"}
        if is_last or not self._pen.vertex:
            # While only thoughts were sent, their number is not told yet.
            told = self._reasoning if is_last or self._output else 0
            usage = self._pen.usage(self._output, told)
        return self._pen.envelope([candidate], usage), output, thought
