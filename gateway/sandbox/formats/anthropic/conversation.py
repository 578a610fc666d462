"""The messages of a request: roles, emptiness, and the pairing of calls and results."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.sandbox.formats.anthropic.blocks import Block, read_block
from gateway.sandbox.formats.anthropic.families import Family
from gateway.sandbox.formats.anthropic.refusals import refuse, refuse_missing
from gateway.sandbox.formats.anthropic.rules import check_members, is_list, is_object
from gateway.sandbox.prompt import ToolResult, Turn

CheckBlock = Callable[[Block, str], None]

_EMPTY = "text content blocks must be non-empty"
_BLANK = "text content blocks must contain non-whitespace text"


class Conversation:
    """The checked messages: (role, blocks) in order."""

    def __init__(self, raw: list[Any], family: Family, check_block: CheckBlock) -> None:
        """Read all messages. `check_block` sees every block once more, with its path.

        Raises Refused.
        """
        if not raw:
            raise refuse("messages: at least one message is required")
        self.messages = [_read_message(one, at, family, check_block) for at, one in enumerate(raw)]
        self._check_ends(family)
        self._check_pairs()

    def turns(self) -> tuple[Turn, ...]:
        """Return what scenes see: user and assistant turns, results with their tools' names."""
        names = {
            block.id: block.name
            for _, blocks in self.messages
            for block in blocks
            if block.type == "tool_use"
        }
        return tuple(
            Turn(
                role,
                tuple(block.text for block in blocks if block.type == "text"),
                tuple(media for block in blocks for media in block.media),
                tuple(
                    ToolResult(names.get(block.id, ""), block.text)
                    for block in blocks
                    if block.type == "tool_result"
                ),
            )
            for role, blocks in self.messages
            if role != "system"
        )

    def check_thinking_leads(self) -> None:
        """With manual thinking on, the turn that made the last calls must begin with thinking."""
        joined = _join(self.messages)
        if len(joined) < 2 or not any(block.type == "tool_result" for block in joined[-1][2]):
            return
        at, _, blocks = joined[-2]
        first = blocks[0].type
        if first not in ("thinking", "redacted_thinking"):
            raise refuse(
                f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
                f"found `{first}`. When `thinking` is enabled, a final `assistant` message must "
                "start with a thinking block (preceeding the lastmost set of `tool_use` and "
                "`tool_result` blocks). To avoid this requirement, disable `thinking`."
            )

    def _check_ends(self, family: Family) -> None:
        if self.messages[0][0] == "assistant" and family.start.startswith("claude-3"):
            raise refuse('messages: first message must use the "user" role')
        role, blocks = self.messages[-1]
        if role != "assistant":
            return
        if blocks and blocks[-1].type == "text":
            if not family.prefill:
                raise refuse(
                    "This model does not support assistant message prefill. "
                    "The conversation must end with a user message."
                )
            if blocks[-1].text != blocks[-1].text.rstrip():
                raise refuse(
                    "messages: final assistant content cannot end with trailing whitespace"
                )

    def _check_pairs(self) -> None:
        """The API joins neighbours of one role before it looks for calls and their results."""
        joined = _join(self.messages)
        previous: dict[str, str] = {}
        for number, (at, role, blocks) in enumerate(joined):
            _check_results(blocks, previous, at)
            calls = [block for block in blocks if block.type == "tool_use"]
            previous = {block.id: block.name for block in calls}
            if len(previous) < len(calls):
                raise refuse("messages: `tool_use` ids must be unique")
            following = joined[number + 1][2] if number + 1 < len(joined) else ()
            if role == "assistant" and previous:
                _check_answered(previous, following, at)


def _join(
    messages: list[tuple[str, tuple[Block, ...]]],
) -> list[tuple[int, str, tuple[Block, ...]]]:
    """Return neighbours of one role as one message each, with the position it begins at."""
    joined: list[tuple[int, str, tuple[Block, ...]]] = []
    for at, (role, blocks) in enumerate(messages):
        if joined and joined[-1][1] == role:
            first, _, before = joined[-1]
            joined[-1] = (first, role, (*before, *blocks))
        else:
            joined.append((at, role, blocks))
    return joined


def _check_results(blocks: tuple[Block, ...], calls: Mapping[str, str], at: int) -> None:
    answered: set[str] = set()
    for number, block in enumerate(blocks):
        if block.type != "tool_result":
            continue
        if block.id not in calls:
            raise refuse(
                f"messages.{at}.content.{number}: unexpected `tool_use_id` found in `tool_result` "
                f"blocks: {block.id}. Each `tool_result` block must have a corresponding "
                "`tool_use` block in the previous message."
            )
        if block.id in answered:
            raise refuse(
                f"messages.{at}.content.{number}: each tool_use must have a single result. "
                f"Found multiple `tool_result` blocks with id: {block.id}"
            )
        answered.add(block.id)


def _check_answered(calls: Mapping[str, str], following: tuple[Block, ...], at: int) -> None:
    """Results must stand together at the beginning of the next message."""
    leading: set[str] = set()
    for block in following:
        if block.type != "tool_result":
            break
        leading.add(block.id)
    missing = [identity for identity in calls if identity not in leading]
    if missing:
        raise refuse(
            f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding "
            "`tool_result` block in the next message."
        )


def _read_message(
    raw: Any, at: int, family: Family, check_block: CheckBlock
) -> tuple[str, tuple[Block, ...]]:
    path = f"messages.{at}"
    is_object(raw, path)
    check_members(raw, ("role", "content"), path)
    for name in ("role", "content"):
        if name not in raw:
            raise refuse_missing(f"{path}.{name}")
    role = raw["role"]
    _check_role(role, family)
    content = raw["content"]
    if isinstance(content, str):
        blocks: tuple[Block, ...] = (Block("text", content),) if content else ()
    else:
        is_list(content, f"{path}.content")
        blocks = tuple(
            read_block(one, role, f"{path}.content.{number}") for number, one in enumerate(content)
        )
    for number, block in enumerate(blocks):
        check_block(block, f"{path}.content.{number}")
    if not blocks and role != "assistant":
        raise refuse(f"{path}: {role} messages must have non-empty content")
    check_texts(blocks, "messages")
    return role, blocks


def _check_role(role: Any, family: Family) -> None:
    if role in ("user", "assistant") or (role == "system" and family.system_role):
        return
    if role == "system":
        raise refuse(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.'
        )
    raise refuse(f'messages: Unexpected role "{role}". Allowed roles are "user" or "assistant"')


def check_texts(blocks: tuple[Block, ...], path: str) -> None:
    """Refuse empty text blocks, and content that is nothing but white space."""
    if any(block.type == "text" and not block.text for block in blocks):
        raise refuse(f"{path}: {_EMPTY}")
    if blocks and all(block.type == "text" and not block.text.strip() for block in blocks):
        raise refuse(f"{path}: {_BLANK}")


def read_system(value: Any) -> tuple[Block, ...]:
    """Return the blocks of the `system` parameter. Raises Refused."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        blocks: tuple[Block, ...] = (Block("text", value),)
    else:
        is_list(value, "system")
        blocks = tuple(read_block(one, "system", f"system.{at}") for at, one in enumerate(value))
    check_texts(blocks, "system")
    return blocks
