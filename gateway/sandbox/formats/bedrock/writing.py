"""Writes a reply, whole or as frames: the members a real one has, in their order."""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.sandbox.formats.base import Frame, Reply, parse_object
from gateway.sandbox.formats.bedrock.families import family_behind
from gateway.sandbox.formats.bedrock.frames import write_event
from gateway.sandbox.ids import make_id
from gateway.sandbox.script import Finish
from gateway.sandbox.signing import redact, sign
from gateway.sandbox.tape import Beat, Kind, is_thought

_STOP = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOLS: "tool_use",
    Finish.REFUSAL: "guardrail_intervened",  # the guardrail's own words are the content
    Finish.FILTER: "content_filtered",
}
_LATENCY = {"latencyMs": 12}


def write_usage(reply: Reply, *, stream: bool) -> dict[str, Any]:
    """Return the usage: cached tokens are apart from the input, thoughts are in the output.

    A stream names the cache only where it was used.
    """
    counts, output = reply.counts, reply.tape.output + reply.tape.reasoning
    written = counts.cache_write + counts.cache_write_1h
    usage: dict[str, Any] = {
        "inputTokens": counts.input,
        "outputTokens": output,
        "serverToolUsage": {},
        "totalTokens": counts.total + output,
    }
    if not stream or counts.cache_read or written:
        usage |= {"cacheReadInputTokens": counts.cache_read, "cacheWriteInputTokens": written}
    if not stream:
        usage |= {
            "cacheReadInputTokenCount": counts.cache_read,
            "cacheWriteInputTokenCount": written,
        }
    details = (("5m", counts.cache_write), ("1h", counts.cache_write_1h))
    if written:
        usage["cacheDetails"] = [{"inputTokens": size, "ttl": ttl} for ttl, size in details if size]
    return usage


def write_whole(reply: Reply) -> bytes:
    """Return the body of a Converse reply."""
    body: dict[str, Any] = {
        "metrics": _LATENCY,
        "output": {
            "message": {
                "content": [_write_block(reply, beats) for beats in _blocks(reply)],
                "role": "assistant",
            }
        },
        "stopReason": _STOP[reply.tape.finish],
    }
    if reply.usage:
        body["usage"] = write_usage(reply, stream=False)
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _blocks(reply: Reply) -> list[list[Beat]]:
    """Return the beats of each content block."""
    blocks: dict[int, list[Beat]] = {}
    for beat in reply.tape.beats:
        blocks.setdefault(beat.block, []).append(beat)
    return list(blocks.values())


def _write_block(reply: Reply, beats: list[Beat]) -> dict[str, Any]:
    text = "".join(beat.text for beat in beats)
    match beats[0].kind:
        case Kind.THINK:
            said = {"text": _shown(reply, text)}
            return {"reasoningContent": {"reasoningText": {**said, **_signature(reply, text)}}}
        case Kind.REDACTED:
            return {"reasoningContent": {"redactedContent": redact(text)}}
        case Kind.CALL:
            # A call that was cut short by its limit has no arguments.
            arguments = parse_object("".join(beat.text for beat in beats[1:]).encode()) or {}
            return {"toolUse": {**_open_call(beats[0]), "input": arguments}}
        case _:
            return {"text": text}


def _open_call(beat: Beat) -> dict[str, Any]:
    return {"name": beat.text, "toolUseId": make_id("tooluse_", 22), "type": "tool_use"}


def _shown(reply: Reply, text: str) -> str:
    return text if reply.prompt.shows_thinking else ""


def _signature(reply: Reply, text: str) -> dict[str, str]:
    if not family_behind(reply.prompt.model).signs:
        return {}
    return {"signature": sign(_shown(reply, text))}


def stream_frames(reply: Reply) -> Iterator[Frame]:
    """Yield the frames of a reply, from messageStart to metadata."""
    yield Frame(write_event("messageStart", {"role": "assistant"}))
    for index, beats in enumerate(_blocks(reply)):
        yield from _stream_block(reply, beats, index)
        yield Frame(write_event("contentBlockStop", {"contentBlockIndex": index}))
    yield Frame(write_event("messageStop", {"stopReason": _STOP[reply.tape.finish]}))
    metadata: dict[str, Any] = {"metrics": _LATENCY}
    if reply.usage:
        metadata["usage"] = write_usage(reply, stream=True)
    yield Frame(write_event("metadata", metadata))


def _stream_block(reply: Reply, beats: list[Beat], index: int) -> Iterator[Frame]:
    """Only calls are announced; text and thoughts begin with their first piece."""
    match beats[0].kind:
        case Kind.CALL:
            opening = {"contentBlockIndex": index, "start": {"toolUse": _open_call(beats[0])}}
            yield Frame(write_event("contentBlockStart", opening), beats[0].tokens)
            pieces = beats[1:]
            if [beat.text for beat in pieces] == ["{}"]:
                # A call without arguments streams only the empty piece, which sells its braces.
                yield _delta(index, {"toolUse": {"input": ""}}, pieces[0])
                return
            yield _delta(index, {"toolUse": {"input": ""}})
            for beat in pieces:
                yield _delta(index, {"toolUse": {"input": beat.text}}, beat)
        case Kind.REDACTED:
            content = {"redactedContent": redact(beats[0].text)}
            yield _delta(index, {"reasoningContent": content}, beats[0])
        case Kind.THINK:
            yield from _stream_thoughts(reply, beats, index)
        case _:
            for beat in beats:
                yield _delta(index, {"text": beat.text}, beat)


def _stream_thoughts(reply: Reply, beats: list[Beat], index: int) -> Iterator[Frame]:
    """Where thinking is not shown, the signature is all of it that is sent, and sells it."""
    shown = reply.prompt.shows_thinking
    for beat in beats if shown else ():
        yield _delta(index, {"reasoningContent": {"text": beat.text}}, beat)
    signature = _signature(reply, "".join(beat.text for beat in beats))
    if signature or not shown:
        value = {"contentBlockIndex": index, "delta": {"reasoningContent": signature}}
        hidden = 0 if shown else sum(beat.tokens for beat in beats)
        yield Frame(write_event("contentBlockDelta", value), 0, hidden)


def _delta(index: int, delta: dict[str, Any], beat: Beat | None = None) -> Frame:
    data = write_event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
    if beat is None:
        return Frame(data)
    thought = is_thought(beat)
    return Frame(data, 0 if thought else beat.tokens, beat.tokens if thought else 0)
