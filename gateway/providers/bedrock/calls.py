"""Tool calls and their results, paired the way Converse demands.

Every `toolUse` must be answered in the very next message and every `toolResult` must answer one;
ids are unique within a turn. Clients that switched providers or cut their history break that, so
calls and results are paired by id first, and then in order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.bedrock.families import Family
from gateway.providers.bedrock.media import Block
from gateway.providers.bedrock.names import wire_id, wire_name
from gateway.providers.bedrock.parts import CACHE_POINT, ContentWriter, cache_point
from gateway.types.chat import Message, ToolCall

_IN_RESULT = frozenset({"document", "image", "json", "searchResult", "text", "video"})
_NO_OUTPUT = "(no output)"  # blank text is refused, and so is a result without content
_SEE_BELOW = "(see below)"


class _Call(Struct, frozen=True):
    """A call that waits for its result; `where` is its path in the request."""

    client_id: str
    name: str
    wire_id: str
    where: str


class CallLedger:
    """Which calls of the current turn still wait for their result."""

    def __init__(self, writer: ContentWriter, family: Family) -> None:
        self._writer = writer
        self._family = family
        self._used: set[str] = set()
        self._waiting: list[_Call] = []

    def use_block(self, call: ToolCall, where: str) -> Block:
        """Write a call and wait for its result; `where` is its path in the request.

        Raises InvalidRequest where the arguments are no JSON object.
        """
        return {
            "toolUse": {
                "toolUseId": self.expect(call, where),
                "name": wire_name(call.name),
                "input": _input(call, where),
            }
        }

    def expect(self, call: ToolCall, where: str) -> str:
        """Wait for the result of a call; return the id to send."""
        found, number = wire_id(call.id), 2
        while found in self._used:
            found, number = wire_id(f"{call.id} {number}"), number + 1
        self._used.add(found)
        self._waiting.append(_Call(call.id, call.name, found, where))
        return found

    def settle(self, answers: Sequence[tuple[Message, int]]) -> tuple[list[Block], list[Block]]:
        """The turn that had to answer is over: write its tool messages, each with its index.

        Returns the results, and what has to stand beside them: content that no result may hold, and
        as plain text what answers no call. Raises InvalidRequest if a call went unanswered.
        """
        wire_ids = self._pair([message for message, _ in answers])
        results: list[Block] = []
        loose: list[Block] = []
        for (message, index), answered in zip(answers, wire_ids, strict=True):
            content = self._writer.blocks(message, index)
            if answered is None:
                loose += [{"text": _orphan_label(message)}, *content]
                continue
            marked = message.cache is not None or any(CACHE_POINT in block for block in content)
            inner, outer = self._split(content)
            results.append(_result(message, answered, inner))
            if marked:
                results.append(_marker_of(message, content))
            loose += outer
        if self._waiting:
            raise InvalidRequest(
                f"The call of tool '{self._waiting[0].name[:64]}' has no tool message that answers "
                "it right after.",
                param=self._waiting[0].where,
            )
        self._used.clear()
        return results, loose

    def _pair(self, messages: Sequence[Message]) -> list[str | None]:
        """Find the call that each message answers, and stop waiting for it."""
        found: list[str | None] = []
        for message in messages:
            call = next((c for c in self._waiting if c.client_id == message.tool_call_id), None)
            if call is not None:
                self._waiting.remove(call)
            found.append(call.wire_id if call is not None else None)
        if self._waiting and found.count(None) == len(self._waiting):  # only the ids were lost
            left = iter(self._waiting)
            found = [next(left).wire_id if one is None else one for one in found]
            self._waiting.clear()
        return found

    def _split(self, content: list[Block]) -> tuple[list[Block], list[Block]]:
        """Part what a result may hold from what has to stand beside it."""
        allowed = _IN_RESULT if self._family.documents_in_results else _IN_RESULT - {"document"}
        blocks = [block for block in content if CACHE_POINT not in block]
        inner = [block for block in blocks if allowed.intersection(block)]
        outer = [block for block in blocks if not allowed.intersection(block)]
        if not inner:
            inner = [{"text": _SEE_BELOW if outer else _NO_OUTPUT}]
        return inner, outer


def _result(message: Message, answered: str, content: list[Block]) -> Block:
    result: dict[str, Any] = {"toolUseId": answered, "content": content}
    status = message.extra.get("status")
    if message.extra.get("is_error") is True:
        status = "error"
    if status in ("error", "success"):
        result["status"] = status
    return {"toolResult": result}


def _marker_of(message: Message, content: list[Block]) -> Block:
    """Inside a result no point is allowed: it goes behind the result."""
    if message.cache is not None:
        return cache_point(message.cache)
    return next(block for block in reversed(content) if CACHE_POINT in block)


def _input(call: ToolCall, where: str) -> Any:
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
    # The client's own bytes: no number is rounded, and a cached prefix stays what it was.
    return orjson.Fragment(call.arguments)


def _orphan_label(message: Message) -> str:
    return f"[Result of tool call {message.tool_call_id or message.name or ''}]".replace(" ]", "]")
