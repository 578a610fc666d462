"""Function calls and their results, paired the way Google demands.

The results of one turn's calls stand together in the very next turn, as many as there were calls;
anything else is a 400 about the "number of function response parts". Clients that switched
providers or cut their history break that, so calls and results are paired by id first, and then in
order; a call without a result is given one that says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.google.media import Part
from gateway.providers.google.parts import input_parts
from gateway.providers.google.plan import Plan
from gateway.types.chat import Message, ToolCall

_NO_RESULT = {"error": "no result"}
# What a result may hold beside its JSON ("Function calling" page, 2026-11; recorded).
_IN_RESULTS = frozenset({"application/pdf", "image/jpeg", "image/png", "image/webp", "text/plain"})


class Results(Struct, frozen=True):
    """What a turn of results holds: the results, then parts that can only stand beside them.

    `missing` counts the calls whose result had to be made up.
    """

    results: list[Part]
    beside: list[Part]
    missing: int


def call_part(call: ToolCall, plan: Plan, where: str) -> Part:
    """Write a call; `where` is its path in the request.

    Raises InvalidRequest where the arguments are no JSON object.
    """
    name = plan.names.wire(call.name)
    return {"functionCall": {"id": call.id, "name": name, "args": _args(call, where)}}


class CallLedger:
    """Which calls still wait for their result."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._waiting: list[ToolCall] = []

    def expect(self, calls: Sequence[ToolCall]) -> None:
        """Wait for the results of calls."""
        self._waiting.extend(calls)

    def settle(self, answers: Sequence[tuple[Message, int]]) -> Results:
        """The turn that had to answer is over: write its tool messages, each with its index.

        What answers no call becomes plain text: as a result it would be refused.
        """
        calls, self._waiting = self._waiting, []
        paired = _pair(calls, [message for message, _ in answers])
        results: list[Part] = []
        beside: list[Part] = []
        for place, call in enumerate(calls):
            answer = next((a for a, c in zip(answers, paired, strict=True) if c == place), None)
            if answer is None:
                results.append(self._response(call, dict(_NO_RESULT), []))
                continue
            response, files = _content(answer[0], answer[1], self._plan)
            inner = [part for part in files if self._goes_in(part)]
            outer = [part for part in files if not self._goes_in(part)]
            results.append(self._response(call, response, inner))
            if outer:
                label = f"[File from the tool {self._plan.names.wire(call.name)}]"
                beside += [{"text": label}, *outer]
        for (message, index), answered in zip(answers, paired, strict=True):
            if answered is None:
                beside += _orphan(message, index, self._plan)
        return Results(results, beside, len(calls) - sum(c is not None for c in paired))

    def _response(self, call: ToolCall, response: Any, files: list[Part]) -> Part:
        name = self._plan.names.wire(call.name)
        written: Part = {"id": call.id, "name": name, "response": response}
        if files:
            written["parts"] = files
        return {"functionResponse": written}

    def _goes_in(self, part: Part) -> bool:
        data = part.get("inlineData") or part.get("fileData") or {}
        return self._plan.generation.media_results and data.get("mimeType") in _IN_RESULTS


def _pair(calls: Sequence[ToolCall], messages: Sequence[Message]) -> list[int | None]:
    """Find the place of the call that each message answers."""
    waiting = list(range(len(calls)))
    found: list[int | None] = []
    for message in messages:
        place = next((n for n in waiting if calls[n].id == message.tool_call_id), None)
        if place is not None:
            waiting.remove(place)
        found.append(place)
    if waiting and found.count(None) == len(waiting):  # only the ids were lost
        left = iter(waiting)
        found = [next(left) if place is None else place for place in found]
    return found


def _content(message: Message, index: int, plan: Plan) -> tuple[Any, list[Part]]:
    """Return a result's JSON, and the files that came with it."""
    parts = input_parts(message, index, plan)
    text = "\n".join(part["text"] for part in parts if "text" in part)
    files = [part for part in parts if "text" not in part]
    if message.extra.get("is_error") is True:
        return {"error": text}, files
    if files and not text:
        return {}, files
    return _response_of(text), files


def _response_of(text: str) -> Any:
    """Return a result's text as the object it has to be.

    An object is sent in the client's own bytes: no number is rounded, and a cached prefix stays
    what it was. One that holds `$ref` is sent as text: Google would look for what it refers to.
    """
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"result": text}
    if '"$ref"' in text:
        return {"result": text}
    if isinstance(parsed, dict):
        return orjson.Fragment(text)
    return {"result": orjson.Fragment(text)}


def _args(call: ToolCall, where: str) -> Any:
    if call.custom:
        return {CUSTOM_INPUT: call.arguments}
    if not call.arguments.strip():
        return {}
    try:
        parsed = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, Mapping):
        raise InvalidRequest(
            "The arguments of a tool call must be a JSON object.",
            param=f"{where}.function.arguments",
        )
    return orjson.Fragment(call.arguments)


def _orphan(message: Message, index: int, plan: Plan) -> list[Part]:
    label = f"[Result of tool call {message.tool_call_id or message.name or ''}]".replace(" ]", "]")
    return [{"text": label}, *input_parts(message, index, plan)]
