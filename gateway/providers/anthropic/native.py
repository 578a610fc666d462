"""What OpenAI's message has no place for: a reply's own blocks, given out and taken back whole.

Tools that run on Anthropic's side, citations, and thinking between text and calls cannot be put
back from text, calls and `reasoning_details`. A reply that holds any of these carries, in the
message member `provider_content`, `{"format": "anthropic", "content": [blocks]}`. A client that
sends the message back with it gets exactly these blocks sent; that is also how a paused turn
(`native_finish_reason: pause_turn`) is continued.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from msgspec.structs import replace

from gateway.providers.anthropic.parts import Block, text_blocks
from gateway.types.chat import ChatRequest, Message

FORMAT = "anthropic"  # the origin that reasoning blocks and native content name
NATIVE_CONTENT = "provider_content"
THINKING = ("thinking", "redacted_thinking")

_PLACES = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}


class NativeContent:
    """Collects a reply's blocks and notices when the standard members cannot hold them."""

    def __init__(self) -> None:
        self._content: list[Block] = []
        self._is_needed = False
        self._place = 0

    def add(self, block: Block) -> None:
        """Take the next complete block."""
        self._content.append(block)
        if block.get("type") == "text" and not block.get("text"):
            return
        place = _PLACES.get(str(block.get("type")), -1)
        if place < self._place or block.get("citations"):
            self._is_needed = True
        self._place = max(place, self._place)

    @property
    def member(self) -> dict[str, Any] | None:
        """Return the member to give out, None where the standard members say it all."""
        if not self._is_needed:
            return None
        return {"format": FORMAT, "content": self._content}


def read_native(message: Message, index: int) -> list[Block] | None:
    """Return a reply's own blocks where the client sent them back and left the message as it was."""
    member = message.extra.get(NATIVE_CONTENT)
    if not isinstance(member, Mapping) or member.get("format") != FORMAT:
        return None
    content = member.get("content")
    if not isinstance(content, list) or not all(map(_is_block, content)):
        return None
    spoken = "".join(block["text"] for block in content if block["type"] == "text")
    said = "".join(block["text"] for block in text_blocks(message, index))
    made = [(b.get("id"), b.get("input")) for b in content if b["type"] == "tool_use"]
    calls = [(call.id, _parsed(call.arguments)) for call in message.tool_calls]
    if spoken != said or made != calls:
        return None
    return [dict(block) for block in content if block["type"] != "text" or block["text"]]


def without_thoughts(
    chat: ChatRequest, is_thought: Callable[[Mapping[str, Any]], bool]
) -> ChatRequest:
    """Return the request without the thinking of earlier turns; what was said and called stays.

    `is_thought` knows such a block among those of `provider_content`.
    """
    messages = tuple(_without_thoughts(message, is_thought) for message in chat.messages)
    return replace(chat, messages=messages)


def is_thought(block: Mapping[str, Any]) -> bool:
    """Whether a block of Anthropic's is thinking."""
    return block.get("type") in THINKING


def _without_thoughts(message: Message, is_thought: Callable[[Mapping[str, Any]], bool]) -> Message:
    extra = message.extra
    member = extra.get(NATIVE_CONTENT)
    content = member.get("content") if isinstance(member, Mapping) else None
    if isinstance(member, Mapping) and isinstance(content, list):
        kept = [b for b in content if not (isinstance(b, Mapping) and is_thought(b))]
        extra = {**extra, NATIVE_CONTENT: {**member, "content": kept}}
    elif not message.reasoning:
        return message
    return replace(message, reasoning=(), extra=extra)


def _is_block(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return False
    return value["type"] != "text" or isinstance(value.get("text"), str)


def _parsed(arguments: str) -> Any:
    try:
        return orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return None
