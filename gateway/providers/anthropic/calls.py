"""Tool calls and their results, paired the way Anthropic demands.

Every `tool_use` must be answered in the very next message, every `tool_result` must answer one, and
ids are unique in a request and made of `[a-zA-Z0-9_-]`. Clients that switched providers or cut
their history break all three, so calls and results are paired in order, not by id alone.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.names import Names
from gateway.providers.anthropic.parts import Block, input_blocks, mark_last
from gateway.types.chat import Message, ToolCall

CUSTOM_INPUT = "input"  # the property that holds a custom tool's text
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_RESULT_MEMBERS = ("is_error", "toolset_name")  # Anthropic's own, kept on a tool message


class CallLedger:
    """Which calls of the current turn still wait for their result."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._used: set[str] = set()
        self._waiting: list[tuple[str, str, str, str]] = []  # client id, name, wire id, param

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
        wire_id = _ILLEGAL.sub("_", call.id) or "call"
        number = 2
        while wire_id in self._used:
            wire_id = f"{_ILLEGAL.sub('_', call.id)}_{number}"
            number += 1
        self._used.add(wire_id)
        self._waiting.append((call.id, call.name, wire_id, where))
        return wire_id

    def result_blocks(self, message: Message, index: int) -> tuple[Block | None, list[Block]]:
        """Write a tool message: its result, or plain blocks where it answers no call.

        A result nobody waits for would be refused; as text, the model still reads it.
        """
        wire_id = self._take(message)
        content: Any = message.content
        if not isinstance(content, str):
            content = input_blocks(message, index)
        if wire_id is None:
            return None, _orphan(message, content)
        block: Block = {"type": "tool_result", "tool_use_id": wire_id, "content": content}
        block.update(
            (name, message.extra[name]) for name in _RESULT_MEMBERS if name in message.extra
        )
        _hoist_marker(block)
        mark_last([block], message.cache)
        return block, []

    def settle(self) -> None:
        """The turn that had to answer is over. Raises InvalidRequest if a call went unanswered."""
        if self._waiting:
            _, name, _, where = self._waiting[0]
            raise InvalidRequest(
                f"The call of tool '{name[:64]}' has no tool message that answers it right after.",
                param=where,
            )

    def _take(self, message: Message) -> str | None:
        for place, (client_id, name, wire_id, _) in enumerate(self._waiting):
            by_name = message.tool_call_id is None and message.name in (None, name)
            if by_name or client_id == message.tool_call_id:
                del self._waiting[place]
                return wire_id
        return None


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


def _hoist_marker(block: Block) -> None:
    """Move cache markers from inside a result to the result: inside, the API refuses them."""
    content = block["content"]
    if isinstance(content, str):
        return
    for inner in content:
        marker = inner.pop("cache_control", None)
        if marker is not None:
            block["cache_control"] = marker
