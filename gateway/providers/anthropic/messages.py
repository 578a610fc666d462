"""The conversation: OpenAI's messages as Anthropic's system blocks and alternating turns.

Leading system messages become `system`. One that comes later becomes text of a user turn between
`SYSTEM_OPEN` and `SYSTEM_CLOSE`: hoisting it would change its place, and with it the cached prefix;
its own role is taken by few models. Neighbours of one role are merged, and in a merged user turn
tool results come first, as the API demands.
"""

from typing import Any

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.calls import CallLedger
from gateway.providers.anthropic.names import Names
from gateway.providers.anthropic.native import FORMAT, THINKING, read_native
from gateway.providers.anthropic.parts import Block, input_blocks, mark_last, text_blocks
from gateway.providers.anthropic.reasoning import History
from gateway.types.chat import ChatRequest, Message, ReasoningBlock, Role, leading_system_count

SYSTEM_OPEN = "<system-message>\n"
SYSTEM_CLOSE = "\n</system-message>"


class Conversation(Struct, frozen=True):
    """The `system` blocks, the `messages`, and what thinking has to know of them."""

    system: list[Block]
    messages: list[dict[str, Any]]
    history: History


def build_conversation(chat: ChatRequest, names: Names) -> Conversation:
    """Write the conversation.

    Raises InvalidRequest, naming the message, for what Anthropic would refuse.
    """
    leading = leading_system_count(chat.messages)
    system: list[Block] = []
    for index, message in enumerate(chat.messages[:leading]):
        blocks = [b for b in text_blocks(message, index) if b["text"].strip()]
        mark_last(blocks, message.cache)
        system.extend(blocks)
    turns = _Turns(names)
    for index, message in enumerate(chat.messages[leading:], leading):
        turns.add(message, index)
    messages = turns.finish()
    if not messages:
        raise InvalidRequest(
            "Anthropic models need at least one user message besides the system messages.",
            param="messages",
        )
    return Conversation(system, messages, _history(messages))


class _Turn:
    """A message in the making."""

    def __init__(self, role: str, index: int) -> None:
        self.role = role
        self.index = index  # of the first of the client's messages in it
        self.blocks: list[Block] = []
        self.answers: list[tuple[Message, int]] = []  # tool messages, with their own indexes


class _Turns:
    """Merges messages into turns, one message at a time."""

    def __init__(self, names: Names) -> None:
        self._turns: list[_Turn] = []
        self._calls = CallLedger(names)

    def add(self, message: Message, index: int) -> None:
        match message.role:
            case Role.ASSISTANT:
                self._add_assistant(message, index)
            case Role.TOOL:
                self._turn("user", index).answers.append((message, index))
            case Role.USER:
                blocks = input_blocks(message, index)
                mark_last(blocks, message.cache)
                self._turn("user", index).blocks.extend(blocks)
            case Role.SYSTEM | Role.DEVELOPER:
                blocks = [b for b in text_blocks(message, index) if b["text"].strip()]
                for block in blocks:
                    block["text"] = f"{SYSTEM_OPEN}{block['text']}{SYSTEM_CLOSE}"
                mark_last(blocks, message.cache)
                if blocks:
                    self._turn("user", index).blocks.extend(blocks)

    def finish(self) -> list[dict[str, Any]]:
        self._settle()
        if self._turns and self._turns[-1].role == "assistant":
            _strip_end(self._turns)
        messages = []
        for turn in self._turns:
            if turn.role == "user" and all(_is_blank(block) for block in turn.blocks):
                raise InvalidRequest(
                    "A user message must not be empty.", param=f"messages[{turn.index}].content"
                )
            messages.append({"role": turn.role, "content": turn.blocks})
        return messages

    def _settle(self) -> None:
        """Put the results of the last turn before everything else in it."""
        turn = self._turns[-1] if self._turns else _Turn("user", 0)
        results, loose = self._calls.settle(turn.answers)
        turn.blocks = [*results, *loose, *turn.blocks]
        turn.answers = []

    def _turn(self, role: str, index: int) -> _Turn:
        if not self._turns or self._turns[-1].role != role:
            if role == "assistant":
                self._settle()
            self._turns.append(_Turn(role, index))
        return self._turns[-1]

    def _add_assistant(self, message: Message, index: int) -> None:
        native = read_native(message, index)
        blocks = native if native is not None else _assistant_blocks(message, index)
        if not blocks and not message.tool_calls:
            return  # nothing was said: the turns around it merge
        turn = self._turn("assistant", index)
        made = [block for block in native or () if block.get("type") == "tool_use"]
        for place, call in enumerate(message.tool_calls):
            where = f"messages[{index}].tool_calls[{place}]"
            if native is not None:
                made[place]["id"] = self._calls.expect(call, where)
            else:
                blocks.append(self._calls.use_block(call, where))
        mark_last(blocks, message.cache)
        turn.blocks.extend(blocks)


def _assistant_blocks(message: Message, index: int) -> list[Block]:
    """Write thinking and text; text of white space alone is refused unless a call follows."""
    text = text_blocks(message, index)
    refusal = message.extra.get("refusal")
    if isinstance(refusal, str) and refusal:
        text.append({"type": "text", "text": refusal})
    if not message.tool_calls and all(_is_blank(block) for block in text):
        text = []
    return [*_thinking_blocks(message.reasoning), *text]


def _thinking_blocks(reasoning: tuple[ReasoningBlock, ...]) -> list[Block]:
    """Write back the thinking that came from this vendor; without its signature it is refused."""
    blocks: list[Block] = []
    for block in reasoning:
        if block.format != FORMAT:
            continue
        if block.type == "thinking" and block.signature:
            thinking = {"thinking": block.text or "", "signature": block.signature}
            blocks.append({"type": "thinking", **thinking})
        elif block.type == "redacted" and block.data:
            blocks.append({"type": "redacted_thinking", "data": block.data})
    return blocks


def _strip_end(turns: list[_Turn]) -> None:
    """Cut the white space a final assistant message must not end in, and what is then empty."""
    blocks = turns[-1].blocks
    while blocks and _is_blank(blocks[-1]):
        blocks.pop()
    if not blocks:
        turns.pop()
    elif blocks[-1].get("type") == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()


def _is_blank(block: Block) -> bool:
    return block.get("type") == "text" and not block["text"].strip()


def _history(messages: list[dict[str, Any]]) -> History:
    has_blocks = any(
        block.get("type") in THINKING for message in messages for block in message["content"]
    )
    lacks_block = False
    if len(messages) > 1 and messages[-1]["content"][0].get("type") == "tool_result":
        lacks_block = messages[-2]["content"][0].get("type") not in THINKING
    return History(has_blocks, lacks_block)
