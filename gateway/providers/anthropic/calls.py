"""Tool calls and their results, paired the way Anthropic demands.

Every `tool_use` must be answered in the very next message, every `tool_result` must answer one, and
ids are unique within a turn (recorded: not across turns) and made of `[a-zA-Z0-9_-]`. Clients that
switched providers or cut their history break all three, so calls and results are paired by id
first, and then in order.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.names import Names, unique
from gateway.providers.anthropic.parts import Block, input_blocks, mark_last
from gateway.types.chat import Message, ToolCall

CUSTOM_INPUT = "input"  # the property that holds a custom tool's text
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_RESULT_MEMBERS = ("is_error", "toolset_name")  # Anthropic's own, kept on a tool message


class _Call(Struct, frozen=True):
    """A call that waits for its result; `where` is its path in the request."""

    client_id: str
    name: str
    wire_id: str
    where: str


class CallLedger:
    """Which calls of the current turn still wait for their result."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._used: set[str] = set()
        self._waiting: list[_Call] = []

    def use_block(self, call: ToolCall, where: str) -> Block:
        """Write a call and wait for its result; `where` is its path in the request.

        Raises InvalidRequest where the arguments are no JSON object.
        """
        block: Block = {
            "type": "tool_use",
            "id": self.expect(call, where),
            "name": self._names.wire(call.name),
            "input": _input(call, where),
        }
        block.update(_own_members(call))
        return block

    def expect(self, call: ToolCall, where: str) -> str:
        """Wait for the result of a call; return the id to send."""
        legal = _ILLEGAL.sub("_", call.id) or "call"
        wire_id = unique(legal, self._used)
        self._used.add(wire_id)
        self._waiting.append(_Call(call.id, call.name, wire_id, where))
        return wire_id

    def settle(self, answers: Sequence[tuple[Message, int]]) -> tuple[list[Block], list[Block]]:
        """The turn that had to answer is over: write its tool messages, each with its index.

        Returns the results, and as plain text what answers no call: as a result it would be
        refused, as text the model still reads it. Raises InvalidRequest if a call went unanswered.
        """
        wire_ids = self._pair([message for message, _ in answers])
        results: list[Block] = []
        loose: list[Block] = []
        for (message, index), wire_id in zip(answers, wire_ids, strict=True):
            plain = message.content if isinstance(message.content, str) else None
            content = input_blocks(message, index) if plain is None else plain
            if wire_id is None:
                loose.extend(_orphan(message, content))
            else:
                results.append(_result(message, wire_id, content))
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
            found = [next(left).wire_id if wire_id is None else wire_id for wire_id in found]
            self._waiting.clear()
        return found


def _result(message: Message, wire_id: str, content: str | list[Block]) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": wire_id, "content": content}
    block.update((name, message.extra[name]) for name in _RESULT_MEMBERS if name in message.extra)
    for inner in content if isinstance(content, list) else ():
        marker = inner.pop("cache_control", None)  # inside a result the API refuses it
        if marker is not None:
            block["cache_control"] = marker
    mark_last([block], message.cache)
    return block


def _input(call: ToolCall, where: str) -> Any:
    if call.custom:
        return {CUSTOM_INPUT: call.arguments}
    if not call.arguments.strip():
        return {}
    try:
        parsed = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidRequest(
            "The arguments of a tool call must be a JSON object.",
            param=f"{where}.function.arguments",
        )
    # The client's own bytes: no number is rounded, and a cached prefix stays what it was.
    return orjson.Fragment(call.arguments)


def _own_members(call: ToolCall) -> Mapping[str, Any]:
    """Return the members of the block that came back in `extra_content` (`caller` and the like)."""
    content = call.extra.get("extra_content")
    own = content.get("anthropic") if isinstance(content, Mapping) else None
    if not isinstance(own, Mapping):
        return {}
    return {
        name: value for name, value in own.items() if name not in ("type", "id", "name", "input")
    }


def _orphan(message: Message, content: str | list[Block]) -> list[Block]:
    label = f"[Result of tool call {message.tool_call_id or message.name or ''}]".replace(" ]", "]")
    if isinstance(content, str):
        return [{"type": "text", "text": f"{label}\n{content}"}]
    return [{"type": "text", "text": label}, *content]
