"""Azure's content filters: what they report with a reply, and how they end one.

Sources: learn.microsoft.com, "Content filtering annotations" and "Content streaming" (2026), and
replies seen from the real API.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.sandbox.formats.base import Frame, Reply
from gateway.sandbox.formats.openai.writing import DONE, stream_chunks, write_event, write_whole
from gateway.sandbox.script import Finish
from gateway.sandbox.tokens import count_tokens

ASYNC = "async-filter"
"""A deployment with this in its name has the asynchronous filter: reports come behind the text."""

_CATEGORIES = ("hate", "self_harm", "sexual", "violence")
_EVERY = 3
"""So many pieces of text lie between two reports of the asynchronous filter."""


def rate(filtered: str = "") -> dict[str, Any]:
    """Return the ratings of the four categories; `filtered` names one that was stopped."""
    return {
        name: {"filtered": name == filtered, "severity": "high" if name == filtered else "safe"}
        for name in _CATEGORIES
    }


def rate_prompt() -> list[dict[str, Any]]:
    """Return the ratings of a prompt."""
    results = {**rate(), "jailbreak": {"filtered": False, "detected": False}}
    return [{"prompt_index": 0, "content_filter_results": _sorted(results)}]


def _rate_answer(*, filtered: bool) -> dict[str, Any]:
    unfound = {"filtered": False, "detected": False}
    found = {"protected_material_code": unfound, "protected_material_text": unfound}
    return _sorted({**rate("violence" if filtered else ""), **found})


def _sorted(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in sorted(value)}


def write_filtered(reply: Reply) -> bytes:
    """Return the body of a completion; a choice that was filtered has no message."""
    body = orjson.loads(write_whole(reply))
    body.pop("service_tier", None)
    filtered = reply.tape.finish is Finish.FILTER
    for choice in body["choices"]:
        called = choice["finish_reason"] in ("tool_calls", "function_call")
        choice["content_filter_results"] = {} if called else _rate_answer(filtered=filtered)
        if filtered:
            del choice["message"]
    body["prompt_filter_results"] = rate_prompt()
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def stream_filtered(reply: Reply) -> Iterator[Frame]:
    """Yield the chunks of a completion, with what the filters report."""
    yield Frame(write_event(_opening()))
    if ASYNC in reply.prompt.model.partition("+")[0]:
        yield from _stream_beside(reply)
    else:
        yield from _stream_within(reply)


def _opening() -> dict[str, Any]:
    """The report on the prompt: a chunk of nobody's, before anything is answered."""
    return {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": rate_prompt(),
    }


def _chunks(reply: Reply) -> Iterator[tuple[dict[str, Any], Frame]]:
    """Yield OpenAI's chunks, parsed; a stream that was filtered has no usage behind its end."""
    filtered = reply.tape.finish is Finish.FILTER
    for frame in stream_chunks(reply):
        if frame.data == DONE:
            continue
        chunk = orjson.loads(frame.data.removeprefix(b"data: "))
        if chunk["choices"] or not filtered:
            yield chunk, frame


def _stream_within(reply: Reply) -> Iterator[Frame]:
    """Every choice carries what was found in it."""
    filtered = reply.tape.finish is Finish.FILTER
    for chunk, frame in _chunks(reply):
        for choice in chunk["choices"]:
            choice.setdefault("logprobs", None)
            choice["content_filter_results"] = {}
            if choice["delta"].get("content"):
                choice["content_filter_results"] = rate()
            elif choice["finish_reason"] == "content_filter" and filtered:
                choice["content_filter_results"] = rate("violence")
        yield _rewrite(chunk, frame)
    yield Frame(DONE)


def _stream_beside(reply: Reply) -> Iterator[Frame]:
    """Reports come by themselves, in chunks without a delta, the last ones behind the end."""
    filtered = reply.tape.finish is Finish.FILTER
    start = end = reply.prompt.tokens * 4
    pieces = 0
    for chunk, frame in _chunks(reply):
        choice = chunk["choices"][0] if chunk["choices"] else None
        if choice is not None and choice["finish_reason"] == "content_filter" and filtered:
            yield Frame(write_event(_report(start, end, stopped=True)))
            break
        said = (choice or {}).get("delta", {}).get("content")
        if said:
            pieces += 1
            end += len(said)
        yield _rewrite(chunk, frame)
        if (said and pieces % _EVERY == 0) or (choice is not None and choice["finish_reason"]):
            yield Frame(write_event(_report(start, end)))
    yield Frame(DONE)


def _report(start: int, end: int, *, stopped: bool = False) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "content_filter_offsets": {
            "check_offset": start,
            "start_offset": start,
            "end_offset": end,
        },
        "content_filter_results": rate("violence" if stopped else ""),
        "finish_reason": "content_filter" if stopped else None,
        "index": 0,
    }
    return {"choices": [choice], "created": 0, "id": "", "model": "", "object": ""}


def _rewrite(chunk: dict[str, Any], frame: Frame) -> Frame:
    chunk.pop("service_tier", None)
    chunk["obfuscation"] = "x" * (count_tokens(frame.data) % 8)
    data = orjson.dumps(chunk, option=orjson.OPT_SORT_KEYS)
    return Frame(b"data: " + data + b"\n\n", frame.output, frame.reasoning)
