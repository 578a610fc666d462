"""Content parts of a message, written as Anthropic content blocks.

A block is a dict ready for JSON. Empty text gives no block: the API refuses it, though it sends
such blocks itself (anthropics/anthropic-sdk-python#461).
"""

from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.media import document_source, image_source
from gateway.types.chat import (
    Audio,
    CacheMarker,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Text,
    UnknownPart,
)

Block = dict[str, Any]

# Anthropic's own block types that a client may put into a user or tool message as they are.
_NATIVE_PARTS = frozenset(
    {"browser_state", "container_upload", "document", "image", "search_result", "tool_reference"}
)


def cache_control(marker: CacheMarker) -> dict[str, str]:
    """Write a cache marker."""
    if marker.ttl is None:
        return {"type": "ephemeral"}
    return {"type": "ephemeral", "ttl": marker.ttl}


def input_blocks(message: Message, index: int) -> list[Block]:
    """Write the content of a user or tool message; `index` is its place in the request.

    Raises InvalidRequest naming the part that Anthropic cannot take.
    """
    blocks: list[Block] = []
    for place, part in enumerate(message.parts):
        block = _input_block(part, f"messages[{index}].content[{place}]")
        if block is not None:
            blocks.append(_marked(block, part))
    return blocks


def text_blocks(message: Message, index: int) -> list[Block]:
    """Write the content of a system or assistant message, which can only be text.

    Raises InvalidRequest naming the part that is no text.
    """
    blocks: list[Block] = []
    for place, part in enumerate(message.parts):
        if isinstance(part, Text | Refusal):
            if part.text:
                blocks.append(_marked({"type": "text", "text": part.text}, part))
            continue
        raise InvalidRequest(
            f"A message of role '{message.role}' can hold only text for this model.",
            param=f"messages[{index}].content[{place}].type",
        )
    return blocks


def mark_last(blocks: list[Block], marker: CacheMarker | None) -> None:
    """Put a message's own marker on its last block that can carry one."""
    if marker is None:
        return
    for block in reversed(blocks):
        if block.get("type") not in ("thinking", "redacted_thinking"):
            block.setdefault("cache_control", cache_control(marker))
            return


def _marked(block: Block, part: Part) -> Block:
    marker = getattr(part, "cache", None)
    if marker is not None:
        block["cache_control"] = cache_control(marker)
    return block


def _input_block(part: Part, where: str) -> Block | None:
    match part:
        case Text() | Refusal():
            return {"type": "text", "text": part.text} if part.text else None
        case Image():
            return image_source(part.url, f"{where}.image_url.url")
        case File():
            return _file(part, f"{where}.file")
        case Audio():
            raise InvalidRequest(
                "Anthropic models take no audio.",
                param=f"{where}.input_audio",
                code="unsupported_content",
            )
        case UnknownPart():
            return _native(part.raw, where)


def _file(part: File, where: str) -> Block:
    if part.file_id is not None:
        kind = "image" if _names_image(part) else "document"
        block: Block = {"type": kind, "source": {"type": "file", "file_id": part.file_id}}
    elif part.data:
        block = document_source(part.data, f"{where}.file_data")
    else:
        raise InvalidRequest("A file needs 'file_data' or 'file_id'.", param=where)
    if part.filename and block["type"] == "document":
        block["title"] = part.filename
    return block


def _names_image(part: File) -> bool:
    """Whether the client says what an uploaded file holds (`file.format`, as LiteLLM clients do)."""
    inner = part.extra.get("file")
    return isinstance(inner, Mapping) and str(inner.get("format")).startswith("image/")


def _native(raw: Mapping[str, Any], where: str) -> Block:
    if raw.get("type") in _NATIVE_PARTS:
        return dict(raw)
    raise InvalidRequest(
        "Content of this type is not supported by the model that would answer.",
        param=f"{where}.type",
        code="unsupported_content",
    )
