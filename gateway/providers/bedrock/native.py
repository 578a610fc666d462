"""A reply's content blocks as Converse gave them, for the replies that OpenAI's format cannot hold.

A chat message has one text and one list of calls. A reply with citations, tools that ran at AWS, or
an unusual order of blocks is also given out whole, as `provider_content`; a client that sends it
back makes its next request repeat the reply exactly. The standard members stay the truth: if the
client changed them, they are used instead.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.providers.bedrock.media import Block
from gateway.types.chat import Message, Refusal, Text

FORMAT = "bedrock"  # the origin that reasoning blocks and native content name
NATIVE_CONTENT = "provider_content"
REASONING = "reasoningContent"

_PLACES: Mapping[str, int] = {REASONING: 0, "text": 1, "toolUse": 2}


class NativeContent:
    """Collects a reply's blocks and notices when the standard members cannot hold them."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._content: list[Block] = []
        self._is_needed = False
        self._place = 0

    def add(self, block: Block) -> None:
        """Take the next complete block."""
        self._content.append(block)
        if _is_blank(block):
            return
        place = -1 if is_server_tool(block) else _PLACES.get(next(iter(block), ""), -1)
        if place < self._place:
            self._is_needed = True
        self._place = max(place, self._place)

    @property
    def member(self) -> dict[str, Any] | None:
        """Return the member to give out, None where the standard members say it all."""
        if not self._is_needed:
            return None
        return {"format": FORMAT, "model": self._model, "content": self._content}


def is_server_tool(block: Block) -> bool:
    """Whether a block is a call that AWS itself runs: none of the client's business."""
    return as_object(block.get("toolUse")).get("type") == "server_tool_use"


def text_of(block: Block) -> str:
    """Return the text that a block adds to the answer."""
    cited = as_list(as_object(block.get("citationsContent")).get("content"))
    return as_text(block.get("text")) + "".join(as_text(as_object(c).get("text")) for c in cited)


def read_native(message: Message, model: str) -> list[Block] | None:
    """Return a reply's own blocks where the client sent them back and left the message as it was.

    Another model than the one that made them may refuse their kinds.
    """
    member = message.extra.get(NATIVE_CONTENT)
    if not isinstance(member, Mapping) or member.get("format") != FORMAT:
        return None
    if member.get("model", model) != model:
        return None
    content = member.get("content")
    if not isinstance(content, list) or not all(isinstance(b, dict) and b for b in content):
        return None
    spoken = "".join(text_of(block) for block in content)
    said = "".join(part.text for part in message.parts if isinstance(part, Text | Refusal))
    uses = [block["toolUse"] for block in content if _is_client_call(block)]
    made = [(use.get("toolUseId"), use.get("input")) for use in uses]
    calls = [(call.id, _parsed(call.arguments)) for call in message.tool_calls]
    if spoken != said or made != calls:
        return None
    # Copied two levels deep, because ids are rewritten; blank text would be refused.
    return [
        {name: dict(value) if isinstance(value, dict) else value for name, value in block.items()}
        for block in content
        if not _is_blank(block)
    ]


def client_calls(blocks: list[Block]) -> list[dict[str, Any]]:
    """Return the `toolUse` objects of the calls that the client has to answer."""
    return [block["toolUse"] for block in blocks if _is_client_call(block)]


def _is_blank(block: Block) -> bool:
    return block.keys() == {"text"} and not as_text(block["text"]).strip()


def _is_client_call(block: Block) -> bool:
    return isinstance(block.get("toolUse"), dict) and not is_server_tool(block)


def _parsed(arguments: str) -> Any:
    try:
        return orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return None
