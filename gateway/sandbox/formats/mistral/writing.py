"""Writes a chat completion, whole or as chunks, the way Mistral does.

Thoughts are content of their own type, calls come whole in one chunk, the last chunk holds both the
finish reason and the usage, and every chunk but the first is padded with a member `p`.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.sandbox.formats.base import Frame, Reply
from gateway.sandbox.ids import make_hex_id, make_id
from gateway.sandbox.script import Finish
from gateway.sandbox.tape import Beat, Kind, is_thought

DONE = b"data: [DONE]\n\n"

_FINISH = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.LENGTH: "length",
    Finish.TOOLS: "tool_calls",
    Finish.REFUSAL: "stop",  # Mistral has no refusals: one is an answer like any other
    Finish.FILTER: "error",
}
_ID_LENGTH = 9
_PADDING = "abcdefghijklmnopqrstuvwxyz0123456789"
_SPOKEN = (Kind.SAY, Kind.REFUSE)


def write_event(value: dict[str, Any]) -> bytes:
    """Return one SSE event."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def write_usage(reply: Reply, times: int) -> dict[str, Any]:
    """Return the usage object: cached tokens are in the prompt's, thoughts in the completion's."""
    prompt = reply.counts.total
    completion = (reply.tape.output + reply.tape.reasoning) * times
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": reply.counts.cache_read},
        "service_tier": "standard",
    }


def write_whole(reply: Reply) -> bytes:
    """Return the body of a chat completion."""
    times = reply.prompt.choices
    body: dict[str, Any] = {
        "id": make_hex_id("", 32),
        "created": reply.created,
        "model": reply.prompt.model,
    }
    if reply.usage:
        body["usage"] = write_usage(reply, times)
    body["object"] = "chat.completion"
    body["choices"] = [
        {
            "index": index,
            "finish_reason": _FINISH[reply.tape.finish],
            "message": {
                "role": "assistant",
                "tool_calls": _gather_calls(reply) or None,
                "content": _gather_content(reply),
            },
        }
        for index in range(times)
    ]
    return orjson.dumps(body)


def _gather_content(reply: Reply) -> str | list[dict[str, Any]]:
    """Return the text, or thoughts and text as chunks; redacted thoughts are not shown at all."""
    beats = reply.tape.beats
    thought = "".join(beat.text for beat in beats if beat.kind is Kind.THINK)
    said = "".join(beat.text for beat in beats if beat.kind in _SPOKEN)
    if not thought:
        return said
    chunks = [_thinking(thought) | {"closed": True}]
    return [*chunks, {"type": "text", "text": said}] if said else chunks


def _thinking(text: str) -> dict[str, Any]:
    inner = [{"type": "text", "text": text}] if text else []
    return {"type": "thinking", "thinking": inner}


def _gather_calls(reply: Reply) -> list[dict[str, Any]]:
    texts: dict[int, list[str]] = {}
    for beat in reply.tape.beats:
        if beat.kind in (Kind.CALL, Kind.ARGS):
            texts.setdefault(beat.block, []).append(beat.text)
    return [
        {
            "id": make_id("", _ID_LENGTH),
            "type": "function",
            "function": {"name": name, "arguments": "".join(parts)},
            "index": index,
        }
        for index, (name, *parts) in enumerate(texts.values())
    ]


def stream_chunks(reply: Reply) -> Iterator[Frame]:
    """Yield the chunks of a chat completion and [DONE]."""
    yield from _Chunks(reply).all()


class _Chunks:
    """One stream: keeps the envelope."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._envelope = {
            "id": make_hex_id("", 32),
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": reply.prompt.model,
        }

    def all(self) -> Iterator[Frame]:
        for index in range(self._reply.prompt.choices):
            opening = {"role": "assistant", "content": ""}
            yield Frame(self._chunk(index, opening, padded=False))
        yield from self._think()
        for beat in self._reply.tape.beats:
            if beat.kind in _SPOKEN:
                for index in range(self._reply.prompt.choices):
                    yield Frame(self._chunk(index, {"content": beat.text}), beat.tokens)
        yield from self._close()
        yield Frame(DONE)

    def _think(self) -> Iterator[Frame]:
        thoughts = [beat for beat in self._reply.tape.beats if is_thought(beat)]
        if not thoughts:
            return
        for index in range(self._reply.prompt.choices):
            hidden = sum(beat.tokens for beat in thoughts if beat.kind is Kind.REDACTED)
            yield Frame(self._chunk(index, {"content": ""}), 0, hidden)
            for beat in thoughts:
                if beat.kind is Kind.THINK:
                    delta = {"content": [_thinking(beat.text)]}
                    yield Frame(self._chunk(index, delta), 0, beat.tokens)
            ending = {"content": [_thinking("") | {"closed": True}]}
            yield Frame(self._chunk(index, ending))

    def _close(self) -> Iterator[Frame]:
        tape, times = self._reply.tape, self._reply.prompt.choices
        calling: list[Beat] = [beat for beat in tape.beats if beat.kind in (Kind.CALL, Kind.ARGS)]
        for index in range(times):
            delta: dict[str, Any] = {"content": ""}
            if calling:
                delta = {"tool_calls": _gather_calls(self._reply)}
            last = index + 1 == times
            sold = sum(beat.tokens for beat in calling)
            yield Frame(self._chunk(index, delta, finish=_FINISH[tape.finish], last=last), sold)

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        *,
        finish: str | None = None,
        last: bool = False,
        padded: bool = True,
    ) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        chunk: dict[str, Any] = {**self._envelope, "choices": [choice]}
        if last and self._reply.usage:
            chunk["usage"] = write_usage(self._reply, self._reply.prompt.choices)
        if padded:
            chunk["p"] = _PADDING[: 1 + len(str(delta)) * 7 % len(_PADDING)]
        return write_event(chunk)
