"""Writes a chat completion, whole or as chunks: the members a real reply has, in their order."""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.sandbox.formats.base import Frame, Reply
from gateway.sandbox.formats.openai.models import DATED
from gateway.sandbox.ids import make_id
from gateway.sandbox.script import Finish
from gateway.sandbox.tape import Beat, Kind, is_thought

DONE = b"data: [DONE]\n\n"

_FINISH = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.LENGTH: "length",
    Finish.TOOLS: "tool_calls",
    Finish.REFUSAL: "stop",  # a refusal ends like an answer; `message.refusal` tells them apart
    Finish.FILTER: "content_filter",
}


def write_event(value: dict[str, Any]) -> bytes:
    """Return one SSE event."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _envelope(reply: Reply, kind: str) -> dict[str, Any]:
    model = reply.prompt.model
    return {
        "id": make_id("chatcmpl-", 29),
        "object": kind,
        "created": reply.created,
        "model": DATED.get(model, model),
        "service_tier": "default",
        "system_fingerprint": "fp_5a9db0c5a1",
    }


def write_usage(reply: Reply, output: int, reasoning: int) -> dict[str, Any]:
    """Return the usage object: cached and reasoning tokens are included in their totals."""
    prompt = reply.counts.total
    completion = output + reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": reply.counts.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _finish_word(reply: Reply) -> str:
    if reply.tape.finish is Finish.TOOLS and reply.prompt.legacy_functions:
        return "function_call"
    return _FINISH[reply.tape.finish]


def write_whole(reply: Reply) -> bytes:
    """Return the body of a chat completion."""
    tape, times = reply.tape, reply.prompt.choices
    body = _envelope(reply, "chat.completion")
    body["choices"] = [_write_choice(reply, index) for index in range(times)]
    if reply.usage:
        body["usage"] = write_usage(reply, tape.output * times, tape.reasoning * times)
    return orjson.dumps(body)


def _write_choice(reply: Reply, index: int) -> dict[str, Any]:
    said = "".join(beat.text for beat in reply.tape.beats if beat.kind is Kind.SAY)
    refused = "".join(beat.text for beat in reply.tape.beats if beat.kind is Kind.REFUSE)
    calls = _gather_calls(reply)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if (calls or refused) and not said else said,
        "refusal": refused or None,
        "annotations": [],
    }
    if calls and reply.prompt.legacy_functions:
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    spoken = [beat for beat in reply.tape.beats if beat.kind is Kind.SAY]
    logprobs = _write_logprobs(spoken) if reply.prompt.logprobs else None
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": _finish_word(reply),
    }


def _is_free_text(reply: Reply, name: str) -> bool:
    return any(tool.name == name and tool.schema is None for tool in reply.prompt.tools)


def _gather_calls(reply: Reply) -> list[dict[str, Any]]:
    texts: dict[int, list[str]] = {}
    for beat in reply.tape.beats:
        if beat.kind in (Kind.CALL, Kind.ARGS):
            texts.setdefault(beat.block, []).append(beat.text)
    return [_write_call(reply, name, "".join(parts)) for name, *parts in texts.values()]


def _write_call(reply: Reply, name: str, text: str) -> dict[str, Any]:
    kind, member = ("custom", "input") if _is_free_text(reply, name) else ("function", "arguments")
    return {"id": make_id("call_", 24), "type": kind, kind: {"name": name, member: text}}


def _write_logprobs(beats: list[Beat]) -> dict[str, Any]:
    tokens = [
        {"token": beat.text, "logprob": -0.1, "bytes": list(beat.text.encode()), "top_logprobs": []}
        for beat in beats
    ]
    return {"content": tokens, "refusal": None}


def stream_chunks(reply: Reply) -> Iterator[Frame]:
    """Yield the chunks of a chat completion, the usage chunk where it was asked for, and [DONE]."""
    writer = _Chunks(reply)
    yield from writer.open()
    for beat in reply.tape.beats:
        if not is_thought(beat):
            yield from writer.piece(beat)
    yield from writer.close()


class _Chunks:
    """One stream: keeps the envelope and the numbering of calls."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._envelope = _envelope(reply, "chat.completion.chunk")
        self._wants_usage = reply.prompt.include_usage and reply.usage
        self._calls: list[int] = []  # blocks of the calls so far; the position is the call's index
        beats = reply.tape.beats
        self._blocks = {beat.block for beat in beats if beat.kind is Kind.CALL}
        self._speaks = any(beat.kind is Kind.SAY for beat in beats)
        # A reply of one call and nothing else puts that call into the opening chunk.
        self._early = next((beat for beat in beats if not is_thought(beat)), None)
        if self._early and (self._early.kind is not Kind.CALL or len(self._blocks) > 1):
            self._early = None

    def open(self) -> Iterator[Frame]:
        thought = self._reply.tape.reasoning
        for index in range(self._reply.prompt.choices):
            delta: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
            if self._blocks and not self._speaks:
                delta["content"] = None
            tokens = 0
            if self._early is not None:
                delta |= self._call_delta(self._early)
                tokens = self._early.tokens
            yield Frame(self._chunk(index, delta, None), tokens, thought)

    def piece(self, beat: Beat) -> Iterator[Frame]:
        if beat is self._early:
            return
        match beat.kind:
            case Kind.SAY:
                delta: dict[str, Any] = {"content": beat.text}
            case Kind.REFUSE:
                delta = {"refusal": beat.text}
            case _:
                delta = self._call_delta(beat)
        for index in range(self._reply.prompt.choices):
            yield Frame(self._chunk(index, delta, None, beat), beat.tokens)

    def close(self) -> Iterator[Frame]:
        tape, times = self._reply.tape, self._reply.prompt.choices
        for index in range(times):
            yield Frame(self._chunk(index, {}, _finish_word(self._reply)))
        if self._wants_usage:
            usage = write_usage(self._reply, tape.output * times, tape.reasoning * times)
            yield Frame(write_event({**self._envelope, "choices": [], "usage": usage}))
        yield Frame(DONE)

    def _call_delta(self, beat: Beat) -> dict[str, Any]:
        if beat.block not in self._calls:
            self._calls.append(beat.block)
        index = self._calls.index(beat.block)
        if beat.kind is Kind.CALL:
            call = _write_call(self._reply, beat.text, "")
            if self._reply.prompt.legacy_functions:
                return {"function_call": call["function"]}
            return {"tool_calls": [{"index": index, **call}]}
        if self._reply.prompt.legacy_functions:
            return {"function_call": {"arguments": beat.text}}
        return {"tool_calls": [{"index": index, **self._argument_member(beat)}]}

    def _argument_member(self, beat: Beat) -> dict[str, Any]:
        names = (one.text for one in self._reply.tape.beats if one.block == beat.block)
        if _is_free_text(self._reply, next(names)):
            return {"custom": {"input": beat.text}}
        return {"function": {"arguments": beat.text}}

    def _chunk(
        self, index: int, delta: dict[str, Any], finish: str | None, beat: Beat | None = None
    ) -> bytes:
        choice: dict[str, Any] = {"index": index, "delta": delta}
        if self._reply.prompt.logprobs:
            spoken = beat is not None and beat.kind is Kind.SAY
            choice["logprobs"] = _write_logprobs([beat]) if beat and spoken else None
        choice["finish_reason"] = finish
        chunk = {**self._envelope, "choices": [choice]}
        if self._wants_usage:
            chunk["usage"] = None
        return write_event(chunk)
