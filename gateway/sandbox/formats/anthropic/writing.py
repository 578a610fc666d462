"""Writes a message, whole or as events: the members a real reply has, in their order and padding."""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.sandbox.formats.anthropic.models import DATED
from gateway.sandbox.formats.anthropic.refusals import BLOCKED, INVALID, error
from gateway.sandbox.formats.base import Frame, Reply
from gateway.sandbox.ids import make_id
from gateway.sandbox.script import Finish
from gateway.sandbox.signing import redact, sign
from gateway.sandbox.tape import Beat, Kind, is_thought

_STOP = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOLS: "tool_use",
    Finish.REFUSAL: "refusal",
    Finish.FILTER: "end_turn",
}
_PAD = 15


def write_event(name: str, value: dict[str, Any]) -> bytes:
    """Return one SSE event. Like the real API it pads the JSON with spaces before the last brace."""
    data = orjson.dumps(value)
    return b"event: %s\ndata: %s%s}\n\n" % (name.encode(), data[:-1], b" " * (len(data) * 7 % _PAD))


def write_error(problem: dict[str, Any], request_id: str) -> bytes:
    """Return the `error` event: the last one of a stream that broke."""
    return write_event("error", {"type": "error", "error": problem, "request_id": request_id})


PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def write_usage(reply: Reply, output: int) -> dict[str, Any]:
    """Return the usage object: cached tokens are apart, thinking is included in the output."""
    counts = reply.counts
    usage: dict[str, Any] = {
        "input_tokens": counts.input,
        "cache_creation_input_tokens": counts.cache_write + counts.cache_write_1h,
        "cache_read_input_tokens": counts.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write,
            "ephemeral_1h_input_tokens": counts.cache_write_1h,
        },
        "output_tokens": output,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
    return usage


def _details(reply: Reply) -> dict[str, Any]:
    if not reply.tape.reasoning:
        return {}
    return {"output_tokens_details": {"thinking_tokens": reply.tape.reasoning}}


def _message(reply: Reply) -> dict[str, Any]:
    model = reply.prompt.model
    return {
        "model": DATED.get(model, model),
        "id": make_id("msg_01", 22),
        "type": "message",
        "role": "assistant",
    }


def _stop(reply: Reply) -> dict[str, Any]:
    """How the message ends. A refusal's explanation is not content but a detail of the stop."""
    details = None
    if reply.tape.finish is Finish.REFUSAL:
        text = "".join(beat.text for beat in reply.tape.beats if beat.kind is Kind.REFUSE)
        details = {"type": "refusal", "category": None, "explanation": text}
    return {
        "stop_reason": _STOP[reply.tape.finish],
        "stop_sequence": reply.tape.stop,
        "stop_details": details,
    }


def write_whole(reply: Reply) -> bytes:
    """Return the body of a message."""
    body = _message(reply)
    body["content"] = [_write_block(reply, beats) for beats in _blocks(reply)]
    body |= _stop(reply)
    if reply.usage:
        output = reply.tape.output + reply.tape.reasoning
        body["usage"] = write_usage(reply, output) | _details(reply)
    return orjson.dumps(body)


def _blocks(reply: Reply) -> list[list[Beat]]:
    """Return the beats of each content block; refusals are none."""
    blocks: dict[int, list[Beat]] = {}
    for beat in reply.tape.beats:
        if beat.kind is not Kind.REFUSE:
            blocks.setdefault(beat.block, []).append(beat)
    return list(blocks.values())


def _open_block(beat: Beat) -> dict[str, Any]:
    """Return a block as it begins: empty, but for what never comes in pieces."""
    match beat.kind:
        case Kind.THINK:
            return {"type": "thinking", "thinking": "", "signature": ""}
        case Kind.REDACTED:
            return {"type": "redacted_thinking", "data": redact(beat.text)}
        case Kind.CALL:
            return {
                "type": "tool_use",
                "id": make_id("toolu_01", 22),
                "name": beat.text,
                "input": {},
                "caller": {"type": "direct"},
            }
        case _:
            return {"type": "text", "text": ""}


def _write_block(reply: Reply, beats: list[Beat]) -> dict[str, Any]:
    block = _open_block(beats[0])
    text = "".join(beat.text for beat in beats)
    match beats[0].kind:
        case Kind.THINK:
            block |= {"thinking": _shown(reply, text), "signature": sign(_shown(reply, text))}
        case Kind.SAY:
            block["text"] = text
        case Kind.CALL:
            block["input"] = _parse_input("".join(beat.text for beat in beats[1:]))
        case _:
            pass  # a redacted block is complete as it opens
    return block


def _shown(reply: Reply, text: str) -> str:
    return text if reply.prompt.shows_thinking else ""


def _parse_input(text: str) -> dict[str, Any]:
    """Return a call's arguments; a call that was cut short by its limit has none."""
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def stream_events(reply: Reply) -> Iterator[Frame]:
    """Yield the events of a message, from message_start to message_stop."""
    message = _message(reply) | {"content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    if reply.usage:
        message["usage"] = write_usage(reply, 1)
    yield Frame(write_event("message_start", {"type": "message_start", "message": message}))
    blocks = _blocks(reply)
    if not blocks:
        yield Frame(PING)
    for index, beats in enumerate(blocks):
        yield from _stream_block(reply, beats, index)
    yield from _stream_end(reply)


def _stream_block(reply: Reply, beats: list[Beat], index: int) -> Iterator[Frame]:
    kind = beats[0].kind
    opening = {
        "type": "content_block_start",
        "index": index,
        "content_block": _open_block(beats[0]),
    }
    named = kind in (Kind.CALL, Kind.REDACTED)
    yield _frame("content_block_start", opening, beats[0] if named else None)
    if index == 0:
        yield Frame(PING)
    pieces = beats[1:] if named else beats
    if kind is Kind.CALL:
        yield _frame("content_block_delta", _delta(index, "input_json_delta", "partial_json", ""))
        if "".join(beat.text for beat in pieces) == "{}":
            pieces = []  # a call without arguments streams only the empty piece
    if kind is Kind.THINK and not reply.prompt.shows_thinking:
        pieces = []
    for beat in pieces:
        yield _frame("content_block_delta", _piece(beat, index), beat)
    if kind is Kind.THINK:
        yield from _stream_signature(reply, beats, index)
    yield _frame("content_block_stop", {"type": "content_block_stop", "index": index})


def _stream_signature(reply: Reply, beats: list[Beat], index: int) -> Iterator[Frame]:
    """Where thinking is not shown, the signature is all of it that is sent, and sells it."""
    shown = _shown(reply, "".join(beat.text for beat in beats))
    if shown:
        empty = _delta(index, "thinking_delta", "thinking", "")
        yield _frame("content_block_delta", empty)
    signed = _delta(index, "signature_delta", "signature", sign(shown))
    hidden = 0 if shown else sum(beat.tokens for beat in beats)
    yield Frame(write_event("content_block_delta", signed), 0, hidden)


def _piece(beat: Beat, index: int) -> dict[str, Any]:
    match beat.kind:
        case Kind.THINK:
            return _delta(index, "thinking_delta", "thinking", beat.text)
        case Kind.ARGS:
            return _delta(index, "input_json_delta", "partial_json", beat.text)
        case _:
            return _delta(index, "text_delta", "text", beat.text)


def _delta(index: int, kind: str, member: str, text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, member: text}}


def _frame(name: str, value: dict[str, Any], beat: Beat | None = None) -> Frame:
    if beat is None:
        return Frame(write_event(name, value))
    thought = is_thought(beat)
    return Frame(
        write_event(name, value), 0 if thought else beat.tokens, beat.tokens if thought else 0
    )


def _stream_end(reply: Reply) -> Iterator[Frame]:
    if reply.tape.finish is Finish.FILTER:
        yield Frame(write_error(error(INVALID, BLOCKED), reply.request_id))
        return
    ending: dict[str, Any] = {"type": "message_delta", "delta": _stop(reply)}
    if reply.usage:
        usage = write_usage(reply, reply.tape.output + reply.tape.reasoning)
        for name in ("cache_creation", "service_tier", "inference_geo"):
            del usage[name]
        ending["usage"] = usage | _details(reply)
    yield Frame(write_event("message_delta", ending))
    yield Frame(write_event("message_stop", {"type": "message_stop"}))
