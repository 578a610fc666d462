"""The conversation: OpenAI's messages as Converse's system blocks and strictly alternating turns.

Leading system messages become `system`. One that comes later becomes text of a user turn between
the markers the Anthropic builder uses: hoisting it would change its place, and its own role is
taken by few models. Where a family takes no system messages at all, the leading ones do the same.
Neighbours of one role are merged, and in a merged user turn tool results come first.
"""

import base64
from typing import Any

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.lenient import as_object
from gateway.providers.anthropic.messages import SYSTEM_CLOSE, SYSTEM_OPEN
from gateway.providers.anthropic.reasoning import History
from gateway.providers.bedrock.calls import CallLedger
from gateway.providers.bedrock.families import Family
from gateway.providers.bedrock.media import Block
from gateway.providers.bedrock.native import FORMAT, REASONING, client_calls, read_native
from gateway.providers.bedrock.parts import CACHE_POINT, ContentWriter, mark_last, text_blocks
from gateway.types.chat import ChatRequest, Message, ReasoningBlock, Role, leading_system_count
from gateway.types.upstream import Target

_FORMATS = (FORMAT, "anthropic")  # Anthropic's signatures hold for Claude wherever it runs
# "If you include a document, you must also include text" (service model, `Message.content`).
_DOCUMENT_WORDS = "See the attached document."


class Conversation(Struct, frozen=True):
    """The `system` blocks, the `messages`, and what thinking has to know of them."""

    system: list[Block]
    messages: list[dict[str, Any]]
    history: History


def build_conversation(chat: ChatRequest, target: Target, family: Family) -> Conversation:
    """Write the conversation.

    Raises InvalidRequest, naming the message, for what Bedrock would refuse.
    """
    leading = leading_system_count(chat.messages)
    if leading == len(chat.messages):
        raise InvalidRequest(
            "Models at Amazon Bedrock need at least one user message besides the system messages.",
            param="messages",
        )
    leading = leading if family.system else 0
    system: list[Block] = []
    for index, message in enumerate(chat.messages[:leading]):
        blocks = text_blocks(message, index)
        mark_last(blocks, message.cache)
        system.extend(blocks)
    turns = _Turns(target, family)
    for index, message in enumerate(chat.messages[leading:], leading):
        turns.add(message, index)
    messages = turns.finish()
    if not messages:
        raise InvalidRequest("None of the messages says anything.", param="messages")
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

    def __init__(self, target: Target, family: Family) -> None:
        self._turns: list[_Turn] = []
        self._model = target.model
        self._family = family
        self._writer = ContentWriter(target)
        self._calls = CallLedger(self._writer, family)

    def add(self, message: Message, index: int) -> None:
        match message.role:
            case Role.ASSISTANT:
                self._add_assistant(message, index)
            case Role.TOOL:
                self._turn("user", index).answers.append((message, index))
            case Role.USER:
                blocks = self._writer.blocks(message, index)
                mark_last(blocks, message.cache)
                self._turn("user", index).blocks.extend(blocks)
            case Role.SYSTEM | Role.DEVELOPER:
                self._add_system(message, index)

    def finish(self) -> list[dict[str, Any]]:
        self._settle()
        if self._turns and self._turns[-1].role == "assistant":
            _strip_end(self._turns)
        messages = []
        for turn in self._turns:
            if turn.role == "user":
                _check_user_turn(turn)
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

    def _add_system(self, message: Message, index: int) -> None:
        blocks = text_blocks(message, index)
        for block in blocks:
            if "text" in block:
                block["text"] = f"{SYSTEM_OPEN}{block['text']}{SYSTEM_CLOSE}"
        mark_last(blocks, message.cache)
        if blocks:
            self._turn("user", index).blocks.extend(blocks)

    def _add_assistant(self, message: Message, index: int) -> None:
        native = read_native(message, self._model)
        if native is None:
            blocks = _assistant_blocks(message, index, self._family)
        else:
            blocks = [block for block in native if _may_go_back(block, self._family)]
        says = any(REASONING not in block and CACHE_POINT not in block for block in blocks)
        if not says and not message.tool_calls:
            # Nothing was said, so the turns around it merge. Thinking alone counts as a prefill and
            # is a 400 (NousResearch/hermes-agent#105780).
            return
        turn = self._turn("assistant", index)
        made = client_calls(blocks) if native is not None else []
        for place, call in enumerate(message.tool_calls):
            where = f"messages[{index}].tool_calls[{place}]"
            if native is not None:
                made[place]["toolUseId"] = self._calls.expect(call, where)
            else:
                blocks.append(self._calls.use_block(call, where))
        mark_last(blocks, message.cache)
        turn.blocks.extend(blocks)


def _assistant_blocks(message: Message, index: int, family: Family) -> list[Block]:
    text = text_blocks(message, index)
    refusal = message.extra.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        text.append({"text": refusal})
    return [*_thinking_blocks(message.reasoning, family), *text]


def _thinking_blocks(reasoning: tuple[ReasoningBlock, ...], family: Family) -> list[Block]:
    """Write back the thinking that carries a proof of its origin; other models refuse any."""
    blocks: list[Block] = []
    for block in reasoning:
        if block.format not in _FORMATS or not family.signed_thinking:
            continue
        if block.type == "thinking" and block.signature:
            thought = {"text": block.text or "", "signature": block.signature}
            blocks.append({REASONING: {"reasoningText": thought}})
        elif block.type == "redacted" and block.data:
            data = block.data
            if block.format != FORMAT:  # Converse carries Anthropic's string as a blob (recorded)
                data = base64.b64encode(data.encode()).decode()
            blocks.append({REASONING: {"redactedContent": data}})
    return blocks


def _may_go_back(block: Block, family: Family) -> bool:
    """Whether a block of an earlier reply is none of thinking, or thinking with its proof."""
    if REASONING not in block:
        return True
    thought = as_object(block[REASONING])
    signature = as_object(thought.get("reasoningText")).get("signature")
    return family.signed_thinking and ("redactedContent" in thought or bool(signature))


def _strip_end(turns: list[_Turn]) -> None:
    """Cut the white space that a final assistant message must not end in."""
    for block in reversed(turns[-1].blocks):
        if CACHE_POINT in block:
            continue
        if "text" in block:
            block["text"] = block["text"].rstrip()
        return


def _check_user_turn(turn: _Turn) -> None:
    if not any(CACHE_POINT not in block for block in turn.blocks):
        raise InvalidRequest(
            "A user message must not be empty.", param=f"messages[{turn.index}].content"
        )
    if any("document" in block for block in turn.blocks) and not any(
        "text" in block for block in turn.blocks
    ):
        turn.blocks.append({"text": _DOCUMENT_WORDS})


def _history(messages: list[dict[str, Any]]) -> History:
    has_blocks = any(REASONING in block for message in messages for block in message["content"])
    lacks_block = False
    if len(messages) > 1 and "toolResult" in messages[-1]["content"][0]:
        lacks_block = REASONING not in messages[-2]["content"][0]
    return History(has_blocks, lacks_block)
