"""Writes a chat reply, whole or as events: the members a real one has, in their order.

A call comes with a plan, which the simulation gives away for nothing; a model that thinks shows its
thoughts instead.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.sandbox.formats.base import Frame, Reply
from gateway.sandbox.formats.cohere.citations import cite
from gateway.sandbox.formats.cohere.refusals import BROKEN
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.script import Finish
from gateway.sandbox.tape import Beat, Kind, is_thought
from gateway.sandbox.tokens import MEDIA_TOKENS, split_words

DONE = b"data: [DONE]\n\n"
PREAMBLE_TOKENS = 64
"""What Cohere puts before every prompt: read and counted, not billed."""

_FINISH = {
    Finish.STOP: "COMPLETE",
    Finish.STOP_SEQUENCE: "STOP_SEQUENCE",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOLS: "TOOL_CALL",
    Finish.REFUSAL: "COMPLETE",  # Cohere has no refusals: one is an answer like any other
    Finish.FILTER: "ERROR",
}
_SPOKEN = (Kind.SAY, Kind.REFUSE)


def write_event(name: str, value: dict[str, Any]) -> bytes:
    """Return one SSE event; its data begin with its type."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps({"type": name, **value}))


def write_error() -> bytes:
    """Return the end of a stream that broke."""
    return write_event("message-end", {"delta": {"finish_reason": "ERROR", "error": BROKEN}})


def make_uuid() -> str:
    """Return an id such as replies have."""
    parts = (make_hex_id("", length) for length in (8, 4, 3, 3, 12))
    first, second, third, fourth, fifth = parts
    return f"{first}-{second}-4{third}-a{fourth}-{fifth}"


def write_usage(reply: Reply) -> dict[str, Any]:
    """Return the usage: pictures are counted apart from the input, but billed with it."""
    tape, total = reply.tape, reply.counts.total
    output = tape.output + tape.reasoning
    pictures = MEDIA_TOKENS * sum(len(turn.media) for turn in reply.prompt.turns)
    tokens = {"input_tokens": total - pictures, "output_tokens": output}
    if reply.prompt.thinks:
        tokens["reasoning_tokens"] = tape.reasoning
    if pictures:
        tokens["image_tokens"] = pictures
    return {
        "billed_units": {"input_tokens": total - PREAMBLE_TOKENS, "output_tokens": output},
        "tokens": tokens,
        "cached_tokens": reply.counts.cache_read,
    }


def write_whole(reply: Reply) -> bytes:
    """Return the body of a chat reply."""
    said = _gather(reply, *_SPOKEN)
    thought = _gather(reply, Kind.THINK)
    calls = [_write_call(name, "".join(parts)) for name, *parts in _calls(reply)]
    message: dict[str, Any] = {"role": "assistant"}
    content: list[dict[str, Any]] = []
    if thought:
        content.append({"type": "thinking", "thinking": thought})
    if said:
        content.append({"type": "text", "text": said})
    if content or not calls:
        message["content"] = content
    if calls and not thought:
        message["tool_plan"] = make_plan(reply)
    if calls:
        message["tool_calls"] = calls
    citations = cite(reply, said)
    if citations:
        message["citations"] = citations
    body: dict[str, Any] = {
        "id": make_uuid(),
        "message": message,
        "finish_reason": _FINISH[reply.tape.finish],
    }
    if reply.prompt.logprobs:
        body["logprobs"] = [_logprob(beat) for beat in reply.tape.beats if beat.kind in _SPOKEN]
    if reply.usage:
        body["usage"] = write_usage(reply)
    return orjson.dumps(body)


def make_plan(reply: Reply) -> str:
    """Return what the model says it is about to do."""
    names = list(dict.fromkeys(name for name, *_ in _calls(reply)))
    return f"I will use the {' and '.join(names)} tool to find the answer."


def _gather(reply: Reply, *kinds: Kind) -> str:
    return "".join(beat.text for beat in reply.tape.beats if beat.kind in kinds)


def _calls(reply: Reply) -> list[list[str]]:
    """Return name and pieces of arguments of every call."""
    texts: dict[int, list[str]] = {}
    for beat in reply.tape.beats:
        if beat.kind in (Kind.CALL, Kind.ARGS):
            texts.setdefault(beat.block, []).append(beat.text)
    return list(texts.values())


def _write_call(name: str, arguments: str) -> dict[str, Any]:
    # Ids are the tool's name and twelve characters.
    return {
        "id": make_hex_id(f"{name}_", 12),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _logprob(beat: Beat) -> dict[str, Any]:
    return {"text": beat.text, "token_ids": [len(beat.text)], "logprobs": [-0.1]}


def stream_events(reply: Reply) -> Iterator[Frame]:
    """Yield the events of a chat reply, from message-start to message-end, and [DONE]."""
    yield from _Events(reply).all()


class _Events:
    """One stream: keeps the numbering of contents, calls and citations."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._contents = 0
        self._calls = 0
        self._cited = 0
        self._said = 0  # characters of text so far
        self._citations = cite(reply, _gather(reply, *_SPOKEN))

    def all(self) -> Iterator[Frame]:
        beats = self._reply.tape.beats
        hidden = sum(beat.tokens for beat in beats if beat.kind is Kind.REDACTED)
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        opening = {"message": {**empty, "citations": []}}
        start = {"id": make_uuid(), "type": "message-start", "delta": opening}
        yield Frame(b"event: message-start\ndata: %s\n\n" % orjson.dumps(start), 0, hidden)
        blocks: dict[int, list[Beat]] = {}
        for beat in beats:
            blocks.setdefault(beat.block, []).append(beat)
        thinks = any(beat.kind is Kind.THINK for beat in beats)
        for block in blocks.values():
            match block[0].kind:
                case Kind.CALL:
                    if not self._calls and not thinks:
                        yield from self._plan()
                    yield from self._call(block)
                case Kind.REDACTED:
                    pass  # never shown
                case _:
                    yield from self._content(block)
        yield self._end()
        yield Frame(DONE)

    def _plan(self) -> Iterator[Frame]:
        for word in split_words(make_plan(self._reply)):
            delta = {"delta": {"message": {"tool_plan": word}}}
            yield Frame(write_event("tool-plan-delta", delta))

    def _content(self, beats: list[Beat]) -> Iterator[Frame]:
        member = "thinking" if beats[0].kind is Kind.THINK else "text"
        index, self._contents = self._contents, self._contents + 1
        yield self._frame("content-start", index, {"content": {"type": member, member: ""}})
        for beat in beats:
            more: dict[str, Any] = {}
            if self._reply.prompt.logprobs and member == "text":
                more = {"logprobs": _logprob(beat)}
            delta = {"content": {member: beat.text}}
            yield self._frame("content-delta", index, delta, beat, **more)
            if member == "text":
                self._said += len(beat.text)
                yield from self._cite()
        yield Frame(write_event("content-end", {"index": index}))

    def _cite(self) -> Iterator[Frame]:
        while self._cited < len(self._citations):
            citation = self._citations[self._cited]
            if citation["end"] > self._said:
                return
            yield self._frame("citation-start", self._cited, {"citations": citation})
            yield Frame(write_event("citation-end", {"index": self._cited}))
            self._cited += 1

    def _call(self, beats: list[Beat]) -> Iterator[Frame]:
        index, self._calls = self._calls, self._calls + 1
        opening = {"tool_calls": _write_call(beats[0].text, "")}
        yield self._frame("tool-call-start", index, opening, beats[0])
        pieces = beats[1:]
        if "".join(beat.text for beat in pieces) == "{}":
            # A call without arguments streams none at all; its two braces are paid for at the end.
            closing = write_event("tool-call-end", {"index": index})
            yield Frame(closing, sum(beat.tokens for beat in pieces))
            return
        for beat in pieces:
            piece = {"tool_calls": {"function": {"arguments": beat.text}}}
            yield self._frame("tool-call-delta", index, piece, beat)
        yield Frame(write_event("tool-call-end", {"index": index}))

    def _end(self) -> Frame:
        delta: dict[str, Any] = {"finish_reason": _FINISH[self._reply.tape.finish]}
        if self._reply.usage:
            delta["usage"] = write_usage(self._reply)
        return Frame(write_event("message-end", {"delta": delta}))

    def _frame(
        self,
        name: str,
        index: int,
        message: dict[str, Any],
        beat: Beat | None = None,
        **more: Any,
    ) -> Frame:
        value = {"index": index, "delta": {"message": message}, **more}
        tokens = beat.tokens if beat else 0
        thought = beat is not None and is_thought(beat)
        return Frame(write_event(name, value), 0 if thought else tokens, tokens if thought else 0)
