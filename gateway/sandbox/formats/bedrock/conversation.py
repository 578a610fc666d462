"""The messages of a request: turns that alternate, calls that are answered, documents that differ."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from gateway.sandbox.formats.bedrock.blocks import Block, read_block
from gateway.sandbox.formats.bedrock.families import Family
from gateway.sandbox.formats.bedrock.refusals import refuse, refuse_by_model
from gateway.sandbox.prompt import ToolResult, Turn

CheckBlock = Callable[[Block, Family, str], None]
Message = tuple[str, tuple[Block, ...]]

_MAX_DOCUMENTS = 5


class Conversation:
    """The checked messages: (role, blocks) in order."""

    def __init__(
        self, raw: list[Mapping[str, Any]], family: Family, check_block: CheckBlock
    ) -> None:
        """Read all messages. `check_block` sees every block once more, with its place.

        Raises Refused.
        """
        _check_order([one["role"] for one in raw])
        self.messages = [_read_message(one, at, family, check_block) for at, one in enumerate(raw)]
        _check_documents(self.messages)
        _check_pairs(self.messages)
        _check_end(self.messages, family)

    @property
    def uses_tools(self) -> bool:
        """Whether calls or results of tools are part of it."""
        return any(
            block.type in ("toolUse", "toolResult")
            for _, blocks in self.messages
            for block in blocks
        )

    def turns(self) -> tuple[Turn, ...]:
        """Return what scenes see: user and assistant turns, results with their tools' names."""
        names = {
            block.id: block.name
            for _, blocks in self.messages
            for block in blocks
            if block.type == "toolUse"
        }
        return tuple(
            Turn(
                role,
                tuple(block.text for block in blocks if block.type == "text"),
                tuple(media for block in blocks for media in block.media),
                tuple(
                    ToolResult(names.get(block.id, ""), block.text, block.id)
                    for block in blocks
                    if block.type == "toolResult"
                ),
            )
            for role, blocks in self.messages
        )

    def check_thinking_leads(self) -> None:
        """With manual thinking on, the turn that made the last calls must begin with thinking."""
        if len(self.messages) < 2 or not any(
            block.type == "toolResult" for block in self.messages[-1][1]
        ):
            return
        first = self.messages[-2][1][0].type
        if first not in ("reasoning", "redacted"):
            shown = "tool_use" if first == "toolUse" else first
            raise refuse_by_model(
                f"messages.{len(self.messages) - 2}.content.0.type: Expected `thinking` or "
                f"`redacted_thinking`, but found `{shown}`. When `thinking` is enabled, a final "
                "`assistant` message must start with a thinking block."
            )


def _check_order(roles: list[str]) -> None:
    if not roles or roles[0] != "user":
        raise refuse(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    if "system" in roles:
        raise refuse("This model doesn't support the system role in messages.")
    if any(one == other for one, other in pairwise(roles)):
        raise refuse(
            "A conversation must alternate between user and assistant roles. Make sure the "
            "conversation alternates between user and assistant roles and try again."
        )


def _read_message(
    raw: Mapping[str, Any], at: int, family: Family, check_block: CheckBlock
) -> Message:
    role, spot = raw["role"], f"messages.{at}"
    if not raw["content"]:
        raise refuse(
            f"The content field in the Message object at {spot} is empty. "
            "Add a ContentBlock object to the content field and try again."
        )
    blocks: list[Block] = []
    for number, one in enumerate(raw["content"]):
        place = f"{spot}.content.{number}"
        block = read_block(one, role, family, place)
        check_block(block, family, place)
        if block.type == "cachePoint" and blocks and blocks[-1].type in ("reasoning", "redacted"):
            raise refuse("Cache point cannot be inserted after reasoning block.")
        blocks.append(block)
    kinds = [block.type for block in blocks]
    if set(kinds) == {"text"} and not "".join(block.text for block in blocks).strip():
        raise refuse_by_model("messages: text content blocks must contain non-whitespace text")
    if "document" in kinds and "text" not in kinds:
        raise refuse("A text block must be included when using documents.")
    return role, tuple(blocks)


def _check_documents(messages: list[Message]) -> None:
    names = [
        name
        for _, blocks in messages
        for block in blocks
        if block.type in ("document", "toolResult") and block.name
        for name in block.name.split("\0")
    ]
    if len(set(names)) < len(names):
        raise refuse(
            "Messages can't contain duplicate document names. "
            "Rename the document and retry your request."
        )
    if len(names) > _MAX_DOCUMENTS:
        raise refuse(f"You can't include more than {_MAX_DOCUMENTS} documents in a request.")


def _check_pairs(messages: list[Message]) -> None:
    """Every call is answered in the next message, and nothing else is."""
    owed: list[str] = []
    for at, (_, blocks) in enumerate(messages):
        given = [block.id for block in blocks if block.type == "toolResult"]
        spot = f"messages.{at}.content"
        if len(given) > len(owed):
            raise refuse(
                f"The number of toolResult blocks at {spot} exceeds the number of toolUse blocks "
                "of previous turn."
            )
        if len(set(given)) < len(given):
            raise refuse(f"The toolResult blocks at {spot} contain duplicate Ids.")
        missing = [identity for identity in owed if identity not in given]
        if missing:
            raise refuse(
                f"Expected toolResult blocks at {spot} for the following Ids: {', '.join(missing)}"
            )
        owed = [block.id for block in blocks if block.type == "toolUse"]
        if len(set(owed)) < len(owed):
            raise refuse(f"The toolUse blocks at {spot} contain duplicate Ids.")
    if owed:
        spot = f"messages.{len(messages)}.content"
        raise refuse(
            f"Expected toolResult blocks at {spot} for the following Ids: {', '.join(owed)}"
        )


def _check_end(messages: list[Message], family: Family) -> None:
    """An assistant's last word is a beginning for the model to go on with: not every one can."""
    role, blocks = messages[-1]
    claude = family.claude
    if role != "assistant" or claude is None:
        return
    if not claude.prefill:
        raise refuse_by_model(
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )
    if blocks[-1].type == "text" and blocks[-1].text != blocks[-1].text.rstrip():
        raise refuse_by_model(
            "messages: final assistant content cannot end with trailing whitespace"
        )
